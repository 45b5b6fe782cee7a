//! DescribeAcls: without an authorizer there are no access rules.

use model::ErrorCode;
use protocol::messages::describe_acls::{DescribeAclsRequest, DescribeAclsResponse};
use protocol::wire::Text;

/// Why no request about access rules can be served.
pub(super) const NO_AUTHORIZER: Text = Text::from_static("no authorizer is configured, so everybody may do everything");

/// Answers that security is not used here, as Kafka does without an authorizer.
pub fn handle(_: DescribeAclsRequest) -> DescribeAclsResponse {
    DescribeAclsResponse {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some(NO_AUTHORIZER),
        ..Default::default()
    }
}
