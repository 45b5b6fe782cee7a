//! CreateAcls: without an authorizer nobody would keep to access rules.

use super::describe_acls::NO_AUTHORIZER;
use model::ErrorCode;
use protocol::messages::create_acls::{AclCreationResult, CreateAclsRequest, CreateAclsResponse};

/// Refuses each rule: to take it would promise a protection that there is not.
pub fn handle(request: CreateAclsRequest) -> CreateAclsResponse {
    let refused = request.creations.iter().map(|_| AclCreationResult {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some(NO_AUTHORIZER),
        ..Default::default()
    });
    CreateAclsResponse { results: refused.collect(), ..Default::default() }
}
