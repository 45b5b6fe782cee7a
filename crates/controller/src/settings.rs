//! The static configuration of the node that hosts the controller: the world it is shown.

use model::config::{Layers, Scope, ServerConfig, lookup};
use model::metadata_image::{ConfigResource, Configs, MetadataImage};

/// What was given at start.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// File, environment and command line.
    pub server: ServerConfig,
}

static NOTHING: Configs = Configs::new();

impl Settings {
    /// The layers that hold for topics on any broker: what all brokers were given at run time, then what this node was
    /// given at start.
    pub fn layers<'a>(&'a self, image: &'a MetadataImage) -> Layers<'a> {
        let dynamic_default = image.configs(&ConfigResource::AllBrokers).map_or(&NOTHING, |configs| configs);
        Layers { server: &self.server, dynamic_broker: &NOTHING, dynamic_default }
    }

    /// A number that was given at start, or its default.
    pub fn number(&self, name: &str) -> i64 {
        self.text(name).trim().parse().unwrap_or_default()
    }

    /// A switch that was given at start, or its default.
    pub fn boolean(&self, name: &str) -> bool {
        self.text(name).trim().eq_ignore_ascii_case("true")
    }

    fn text(&self, name: &str) -> &str {
        let default = lookup(Scope::Broker, name).and_then(|key| key.default).unwrap_or_default();
        self.server.get(name).map_or(default, |setting| &setting.value)
    }
}
