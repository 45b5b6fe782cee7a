//! AlterClientQuotas.

use crate::definition::{Text, messages};

messages! {
    api AlterClientQuotas = 49, versions 0-1, flexible 1+, listeners broker controller;

    request AlterClientQuotasRequest {
        entries: Vec<EntryData> [0+],
        validate_only: bool [0+],
    }

    struct EntryData {
        entity: Vec<EntityData> [0+],
        ops: Vec<OpData> [0+],
    }

    struct EntityData {
        entity_type: Text [0+],
        entity_name: Option<Text> [0+, null 0+],
    }

    struct OpData {
        key: Text [0+],
        value: f64 [0+],
        remove: bool [0+],
    }

    response AlterClientQuotasResponse {
        throttle_time_ms: i32 [0+],
        entries: Vec<AlterClientQuotasResponseEntryData> [0+],
    }

    struct AlterClientQuotasResponseEntryData {
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+],
        entity: Vec<EntityData> [0+],
    }
}
