//! `ConsumerGroupRegularExpression`.

use crate::definition::{Text, messages};

messages! {
    message ConsumerGroupRegularExpressionKey, versions 0, flexible none {
        group_id: Text [0-0],
        regular_expression: Text [0-0],
    }

    message ConsumerGroupRegularExpressionValue, versions 0, flexible 0+ {
        topics: Vec<Text> [0+],
        version: i64 [0+],
        timestamp: i64 [0+],
    }
}
