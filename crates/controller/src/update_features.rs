//! UpdateFeatures (KIP-584): the cluster moves to other levels of its features, all that are named or none.

use crate::config_change::MIN_INSYNC_REPLICAS;
use crate::features::{ELIGIBLE_LEADER_REPLICAS, FEATURES};
use crate::machine::View;
use crate::records::{Record, Resource};
use crate::refusal::Refusal;
use model::ErrorCode;
use model::metadata_image::ConfigResource;
use protocol::Text;
use protocol::messages::update_features::{
    FeatureUpdateKey, UpdatableFeatureResult, UpdateFeaturesRequest, UpdateFeaturesResponse,
};

const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;
const UNSAFE_DOWNGRADE: i8 = 3;

impl View<'_> {
    /// Sets the levels, or only says whether they could be set. The results are for versions below 2.
    pub(crate) fn update_features(&mut self, request: &UpdateFeaturesRequest) -> UpdateFeaturesResponse {
        let mut changes = Vec::with_capacity(request.feature_updates.len());
        for (at, update) in request.feature_updates.iter().enumerate() {
            let is_twice = request.feature_updates[..at].iter().any(|other| other.feature == update.feature);
            match self.check_update(update, is_twice) {
                Ok(changed) => changes.extend(changed.then_some((&update.feature, update.max_version_level))),
                Err(refusal) => return refused(&update.feature, refusal),
            }
        }
        if !request.validate_only {
            for (feature, level) in changes {
                self.set_level(feature, level);
            }
        }
        let set = |update: &FeatureUpdateKey| UpdatableFeatureResult {
            feature: update.feature.clone(),
            error_message: Some(Text::from(format!("the level is {}", update.max_version_level))),
            ..Default::default()
        };
        let results = request.feature_updates.iter().map(set).collect();
        UpdateFeaturesResponse { error_message: None, results, ..Default::default() }
    }

    /// Whether the level changes.
    fn check_update(&self, update: &FeatureUpdateKey, is_twice: bool) -> Result<bool, Refusal> {
        let refuse = |message: String| Err(Refusal::new(ErrorCode::InvalidUpdateVersion, message));
        let (name, wanted) = (&*update.feature, update.max_version_level);
        if is_twice {
            return Err(Refusal::new(ErrorCode::InvalidRequest, "the request names it twice"));
        }
        let Some(feature) = FEATURES.iter().find(|known| known.name == name) else {
            return refuse("this version does not know it".to_owned());
        };
        if !(feature.min..=feature.max).contains(&wanted) {
            return refuse(format!("this version has the levels {} to {}, not {wanted}", feature.min, feature.max));
        }
        // Version 0 has a switch where later ones have a kind.
        let kind = if update.allow_downgrade { SAFE_DOWNGRADE } else { update.upgrade_type };
        let present = self.hard.feature(name);
        match kind {
            UPGRADE if wanted < present => {
                refuse(format!("its level is {present}: say that a downgrade to {wanted} is meant"))
            }
            SAFE_DOWNGRADE | UNSAFE_DOWNGRADE if wanted > present => {
                refuse(format!("its level is {present}, so {wanted} is no downgrade"))
            }
            SAFE_DOWNGRADE | UNSAFE_DOWNGRADE if wanted < present && name == "kraft.version" => {
                refuse("the quorum's format cannot be older than it was".to_owned())
            }
            UPGRADE | SAFE_DOWNGRADE | UNSAFE_DOWNGRADE => Ok(wanted != present),
            other => refuse(format!("there is no kind of update with the number {other}")),
        }
    }

    fn set_level(&mut self, feature: &str, level: i16) {
        self.records.push(Record::FeatureLevel { name: feature.to_owned(), level });
        if feature == ELIGIBLE_LEADER_REPLICAS {
            self.has_eligible_leaders = level > 0;
            if level > 0 {
                self.make_min_insync_replicas_common();
            }
            self.settle_where_claims_depend_on_configs();
        }
    }

    /// Who may lead outside the ISR depends on it, so it becomes the same on all brokers (KIP-966).
    fn make_min_insync_replicas_common(&mut self) {
        let set = |resource: &ConfigResource| {
            self.hard.configs(resource).is_some_and(|configs| configs.contains_key(MIN_INSYNC_REPLICAS))
        };
        let own: Vec<_> = self.hard.brokers().map(|b| b.id).filter(|id| set(&ConfigResource::Broker(*id))).collect();
        if !set(&ConfigResource::AllBrokers) {
            let record = self.fixed_min_insync_replicas();
            self.records.push(record);
        }
        for broker in own {
            let resource = Resource::Broker(broker);
            self.records.push(Record::Config { resource, name: MIN_INSYNC_REPLICAS.to_owned(), value: None });
        }
    }
}

fn refused(feature: &str, refusal: Refusal) -> UpdateFeaturesResponse {
    let why = refusal.message.unwrap_or_default();
    UpdateFeaturesResponse {
        error_code: refusal.error.code(),
        error_message: Some(Text::from(format!("no level was changed, because of {feature}: {why}"))),
        ..Default::default()
    }
}
