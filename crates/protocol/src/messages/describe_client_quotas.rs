//! DescribeClientQuotas.

use crate::definition::{Text, messages};

messages! {
    api DescribeClientQuotas = 48, versions 0-1, flexible 1+, listeners broker;

    request DescribeClientQuotasRequest {
        components: Vec<ComponentData> [0+],
        strict: bool [0+],
    }

    struct ComponentData {
        entity_type: Text [0+],
        match_type: i8 [0+],
        match_: Option<Text> [0+, null 0+],
    }

    response DescribeClientQuotasResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+],
        entries: Option<Vec<EntryData>> [0+, null 0+],
    }

    struct EntryData {
        entity: Vec<EntityData> [0+],
        values: Vec<ValueData> [0+],
    }

    struct EntityData {
        entity_type: Text [0+],
        entity_name: Option<Text> [0+, null 0+],
    }

    struct ValueData {
        key: Text [0+],
        value: f64 [0+],
    }
}
