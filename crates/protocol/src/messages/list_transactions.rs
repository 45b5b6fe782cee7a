//! ListTransactions.

use crate::definition::{Text, messages};

messages! {
    api ListTransactions = 66, versions 0-2, flexible 0+, listeners broker;

    request ListTransactionsRequest {
        state_filters: Vec<Text> [0+],
        producer_id_filters: Vec<i64> [0+],
        duration_filter: i64 [1+, default -1],
        transactional_id_pattern: Option<Text> [2+, null 2+, default None],
    }

    response ListTransactionsResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        unknown_state_filters: Vec<Text> [0+],
        transaction_states: Vec<TransactionState> [0+],
    }

    struct TransactionState {
        transactional_id: Text [0+],
        producer_id: i64 [0+],
        transaction_state: Text [0+],
    }
}
