//! Forgotten config: a topic's config has a value that it cannot have had while it was asked for.

use super::evidence::Evidence;
use super::topics::Home;
use super::witness;
use crate::checker::{Anomaly, Class, Verdict};
use crate::history::{Answer, OperationId};

/// Configs for tests, which Kafka does not describe.
const HIDDEN: &str = "internal.";

/// Compares each description with the changes before and beside it.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for (id, operation) in evidence.history.operations.iter().enumerate() {
        let (Some(Answer::Configs { configs }), Home::One(life)) = (operation.answer(), evidence.homes[id]) else {
            continue;
        };
        if evidence.may_be_old(operation) {
            continue;
        }
        let life = &evidence.topics.lives[life];
        for name in life.config_names().filter(|name| !name.starts_with(HIDDEN)) {
            let told = configs.get(name).cloned();
            let possible = life.possible_values(name, operation.invoked.index, operation.last_effect());
            if !possible.contains(&told) {
                if let Some(because) = evidence.metadata_may_be_lost(life.begins, operation.last_effect()) {
                    verdict.allow(Class::ForgottenConfig, because);
                    continue;
                }
                let show = |value: &Option<String>| value.clone().unwrap_or("the default".into());
                let witness = format!(
                    "{} was told that {name} of topic {} is {}, which can only be {}",
                    witness::operation(evidence, id as OperationId),
                    life.topic,
                    show(&told),
                    possible.iter().map(show).collect::<Vec<_>>().join(" or ")
                );
                let operations = vec![id as OperationId];
                verdict.report(Anomaly { class: Class::ForgottenConfig, partition: None, witness, operations });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::Story;
    use crate::history::{Action, Answer, CreateTopic, OperationId, Outcome};
    use std::collections::BTreeMap;

    #[test]
    fn a_config_has_the_value_from_before_the_change() {
        let mut story = Story::with_topic(&[("segment.bytes", "4096")]);
        story.alter("segment.bytes", Some("8192"));
        story.describe(&[("segment.bytes", "4096"), ("retention.ms", "-1")]);
        story.assert_only(Class::ForgottenConfig);
    }

    #[test]
    fn a_config_that_was_set_is_the_default() {
        let mut story = Story::with_topic(&[("segment.bytes", "4096")]);
        story.describe(&[("retention.ms", "-1")]);
        story.assert_only(Class::ForgottenConfig);
    }

    #[test]
    fn a_change_whose_outcome_is_unknown_may_show_at_any_later_time() {
        let mut story = Story::with_topic(&[("segment.bytes", "4096")]);
        let changes = BTreeMap::from([("segment.bytes".to_owned(), Some("8192".to_owned()))]);
        let change = story.invoke(9, Action::AlterConfigs { topic: "t".into(), changes });
        story.complete(change, Outcome::Unknown("timed out".into()));
        story.describe(&[("segment.bytes", "4096"), ("retention.ms", "-1")]);
        story.alter("segment.bytes", Some("1024"));
        story.describe(&[("segment.bytes", "1024"), ("retention.ms", "-1")]);
        story.describe(&[("segment.bytes", "8192"), ("retention.ms", "-1")]);
        story.assert_clean();
        story.describe(&[("segment.bytes", "4096"), ("retention.ms", "-1")]);
        story.assert_only(Class::ForgottenConfig);
    }

    /// A broker had sent it on to a controller that it could not reach for twelve seconds (seed 221 of the cluster profile).
    #[test]
    fn a_change_whose_outcome_is_unknown_may_come_to_the_next_topic_of_the_name() {
        for (is_known, found) in [(false, false), (true, true)] {
            let mut story = Story::with_topic(&[("segment.bytes", "4096")]);
            let changes = BTreeMap::from([("segment.bytes".to_owned(), Some("8192".to_owned()))]);
            let change = story.invoke(9, Action::AlterConfigs { topic: "t".into(), changes });
            let outcome = if is_known { Outcome::Ok(Answer::Done) } else { Outcome::Unknown("timed out".into()) };
            story.complete(change, outcome);
            story.did(9, Action::DeleteTopic { topic: "t".into() }, Answer::Done);
            let configs = BTreeMap::from([("segment.bytes".to_owned(), "4096".to_owned())]);
            let create = CreateTopic { topic: "t".into(), partitions: 1, replicas: 1, configs };
            story.did(9, Action::CreateTopic(create), Answer::Created { topic_id: None });
            story.describe(&[("segment.bytes", "8192")]);
            if found { story.assert_only(Class::ForgottenConfig) } else { story.assert_clean() }
        }
    }

    fn changing(story: &mut Story, name: &str, value: &str) -> OperationId {
        let changes = BTreeMap::from([(name.to_owned(), Some(value.to_owned()))]);
        story.invoke(9, Action::AlterConfigs { topic: "t".into(), changes })
    }

    #[test]
    fn of_two_changes_at_once_either_may_be_the_last() {
        for (told, clean) in [("8192", true), ("1024", true), ("4096", false)] {
            let mut story = Story::with_topic(&[("segment.bytes", "4096")]);
            let one = changing(&mut story, "segment.bytes", "8192");
            let other = changing(&mut story, "segment.bytes", "1024");
            story.complete(other, Outcome::Ok(Answer::Done));
            story.complete(one, Outcome::Ok(Answer::Done));
            story.alter("max.message.bytes", Some("2000"));
            story.describe(&[("segment.bytes", told), ("retention.ms", "-1"), ("max.message.bytes", "2000")]);
            if clean { story.assert_clean() } else { story.assert_only(Class::ForgottenConfig) }
        }
    }

    #[test]
    fn a_change_that_is_under_way_need_not_show_when_a_later_one_does() {
        let mut story = Story::with_topic(&[("segment.bytes", "4096")]);
        let slow = changing(&mut story, "segment.bytes", "8192");
        story.alter("max.message.bytes", Some("2000"));
        story.describe(&[("segment.bytes", "4096"), ("retention.ms", "-1"), ("max.message.bytes", "2000")]);
        story.complete(slow, Outcome::Ok(Answer::Done));
        story.assert_clean();
    }
}
