//! AlterConfigs, the old way: what a request names for a resource becomes all that is set on it.

use crate::config_change::{check_names, mentions, resource};
use crate::machine::View;
use crate::refusal::Refusal;
use model::ErrorCode;
use model::metadata_image::Configs;
use protocol::Text;
use protocol::messages::alter_configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResourceResponse, AlterConfigsResponse,
};

impl View<'_> {
    pub(crate) fn alter_configs(&mut self, request: &AlterConfigsRequest) -> AlterConfigsResponse {
        let times = mentions(request.resources.iter().map(|named| (named.resource_type, &*named.resource_name)));
        let before = self.records.len();
        let mut responses = Vec::with_capacity(request.resources.len());
        for named in &request.resources {
            let outcome = match times.get(&(named.resource_type, named.resource_name.to_string())) {
                Some(1) => self.replace(named),
                _ => Err(Refusal::new(ErrorCode::InvalidRequest, "the request names this resource twice")),
            };
            responses.push(response(named, outcome));
        }
        self.finish_config_changes(request.validate_only, before);
        AlterConfigsResponse { responses, ..Default::default() }
    }

    fn replace(&mut self, named: &AlterConfigsResource) -> Result<(), Refusal> {
        let resource = resource(named.resource_type, &named.resource_name)?;
        check_names(named.configs.iter().map(|config| (&*config.name, config.value.is_some())))?;
        let pair = |(name, value): (&Text, &Text)| (name.to_string(), value.to_string());
        let wanted: Configs =
            named.configs.iter().filter_map(|config| Some(pair((&config.name, config.value.as_ref()?)))).collect();
        self.set_configs(&resource, &wanted)
    }
}

fn response(named: &AlterConfigsResource, outcome: Result<(), Refusal>) -> AlterConfigsResourceResponse {
    let (error, message) = match outcome {
        Ok(()) => (ErrorCode::None, None),
        Err(refusal) => (refusal.error, refusal.message.map(Text::from)),
    };
    AlterConfigsResourceResponse {
        error_code: error.code(),
        error_message: message,
        resource_type: named.resource_type,
        resource_name: named.resource_name.clone(),
        ..Default::default()
    }
}
