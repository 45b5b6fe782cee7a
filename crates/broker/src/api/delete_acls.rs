//! DeleteAcls: without an authorizer there are no access rules to delete.

use super::describe_acls::NO_AUTHORIZER;
use model::ErrorCode;
use protocol::messages::delete_acls::{DeleteAclsFilterResult, DeleteAclsRequest, DeleteAclsResponse};

/// Refuses each filter.
pub fn handle(request: DeleteAclsRequest) -> DeleteAclsResponse {
    let refused = request.filters.iter().map(|_| DeleteAclsFilterResult {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some(NO_AUTHORIZER),
        ..Default::default()
    });
    DeleteAclsResponse { filter_results: refused.collect(), ..Default::default() }
}
