//! IncrementalAlterConfigs (KIP-339): sets, deletes, appends and subtracts. One bad change refuses its whole resource.

use crate::config_change::{check_names, mentions, resource};
use crate::machine::View;
use crate::refusal::Refusal;
use model::ErrorCode;
use model::config::{ConfigType, Scope, lookup};
use model::metadata_image::{ConfigResource, Configs};
use protocol::Text;
use protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, AlterableConfig, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

impl View<'_> {
    pub(crate) fn incremental_alter_configs(
        &mut self,
        request: &IncrementalAlterConfigsRequest,
    ) -> IncrementalAlterConfigsResponse {
        let times = mentions(request.resources.iter().map(|named| (named.resource_type, &*named.resource_name)));
        let before = self.records.len();
        let mut responses = Vec::with_capacity(request.resources.len());
        for named in &request.resources {
            let outcome = match times.get(&(named.resource_type, named.resource_name.to_string())) {
                Some(1) => self.alter(named),
                _ => Err(Refusal::new(ErrorCode::InvalidRequest, "the request names this resource twice")),
            };
            responses.push(response(named, outcome));
        }
        self.finish_config_changes(request.validate_only, before);
        IncrementalAlterConfigsResponse { responses, ..Default::default() }
    }

    fn alter(&mut self, named: &AlterConfigsResource) -> Result<(), Refusal> {
        let resource = resource(named.resource_type, &named.resource_name)?;
        let has_value = |change: &AlterableConfig| change.config_operation == DELETE || change.value.is_some();
        check_names(named.configs.iter().map(|change| (&*change.name, has_value(change))))?;
        let mut wanted = self.present_configs(&resource);
        for change in &named.configs {
            self.change(&resource, &mut wanted, change)?;
        }
        self.set_configs(&resource, &wanted)
    }

    fn change(&self, resource: &ConfigResource, wanted: &mut Configs, change: &AlterableConfig) -> Result<(), Refusal> {
        let name = &*change.name;
        let given = change.value.as_deref().unwrap_or_default();
        match change.config_operation {
            SET => {
                wanted.insert(name.to_owned(), given.to_owned());
            }
            DELETE => {
                wanted.remove(name);
            }
            APPEND => {
                let mut elements = self.elements(resource, wanted, name)?;
                for element in split(given) {
                    if !elements.contains(&element) {
                        elements.push(element);
                    }
                }
                wanted.insert(name.to_owned(), elements.join(","));
            }
            SUBTRACT => {
                let mut elements = self.elements(resource, wanted, name)?;
                elements.retain(|element| !split(given).contains(element));
                wanted.insert(name.to_owned(), elements.join(","));
            }
            other => {
                let message = format!("there is no operation {other}: 0 sets, 1 deletes, 2 appends, 3 subtracts");
                return Err(Refusal::new(ErrorCode::InvalidRequest, message));
            }
        }
        Ok(())
    }

    /// The elements of a list config now; those of its default when it is not set.
    fn elements(&self, resource: &ConfigResource, set: &Configs, name: &str) -> Result<Vec<String>, Refusal> {
        let scope = if matches!(resource, ConfigResource::Topic(_)) { Scope::Topic } else { Scope::Broker };
        let key = match resource {
            ConfigResource::Group(_) | ConfigResource::ClientMetrics(_) => None,
            _ => lookup(scope, name),
        };
        let Some(key) = key.filter(|key| key.kind == ConfigType::List) else {
            let message = format!("{name} is no list: it can be set, but nothing can be appended or subtracted");
            return Err(Refusal::new(ErrorCode::InvalidConfig, message));
        };
        let layers = self.settings.layers(self.hard);
        let value = match (set.get(name), scope) {
            (Some(value), _) => Some(value.clone()),
            (None, Scope::Topic) => layers.topic_config(key, set).value,
            (None, _) => layers.broker_config(key).value,
        };
        Ok(split(&value.unwrap_or_default()))
    }
}

fn split(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|element| !element.is_empty()).map(str::to_owned).collect()
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
