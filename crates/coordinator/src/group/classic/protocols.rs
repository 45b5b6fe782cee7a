//! Which protocol a group uses: one that all members support, and of these the one that most of them want most.

use super::member::Member;
use super::motion::{Classic, State};
use bytes::Bytes;
use protocol::Text;
use protocol::messages::join_group::JoinGroupRequestProtocol;
use std::collections::{BTreeMap, BTreeSet};

impl Classic {
    /// Whether a member of this type that supports these could be in the group.
    pub fn supports(&self, protocol_type: &str, protocols: &[JoinGroupRequestProtocol]) -> bool {
        if self.state == State::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        let everyone = self.members.len();
        let have_all = |name: &str| self.supporters.get(name).copied().unwrap_or(0) == everyone;
        self.protocol_type.as_ref().is_some_and(|own| own == protocol_type)
            && protocols.iter().any(|protocol| have_all(&protocol.name))
    }

    /// The protocol for the members that are there. Between equals the leader's wish decides.
    pub fn choose_protocol(&self) -> Option<Text> {
        let mut votes: BTreeMap<&Text, usize> = BTreeMap::new();
        for member in self.members.values() {
            if let Some(name) = self.wish_of(member) {
                *votes.entry(name).or_default() += 1;
            }
        }
        let most = votes.values().copied().max()?;
        let leader = self.leader.as_ref().and_then(|leader| self.members.get(leader));
        let of_leader = leader.into_iter().flat_map(|member| member.protocols.iter().map(|(name, _)| name));
        let mut in_order = of_leader.chain(votes.keys().copied());
        in_order.find(|name| votes.get(name) == Some(&most)).cloned()
    }

    /// Of what all members support, what this one wants most.
    fn wish_of<'a>(&self, member: &'a Member) -> Option<&'a Text> {
        let everyone = self.members.len();
        let names = member.protocols.iter().map(|(name, _)| name);
        names.into_iter().find(|name| self.supporters.get(*name) == Some(&everyone))
    }

    /// A member counts once for each protocol, however often it names it.
    pub fn count_support(&mut self, member: &Member, comes: bool) {
        let names: BTreeSet<&Text> = member.protocols.iter().map(|(name, _)| name).collect();
        for name in names {
            let supporters = self.supporters.entry(name.clone()).or_default();
            *supporters = if comes { *supporters + 1 } else { supporters.saturating_sub(1) };
            if *supporters == 0 {
                self.supporters.remove(name);
            }
        }
    }
}

/// The protocols of a request in one buffer of their own, which does not keep the request's frame alive.
pub(super) fn kept(protocols: &[JoinGroupRequestProtocol]) -> Vec<(Text, Bytes)> {
    let kept =
        |protocol: &JoinGroupRequestProtocol| (protocol.name.detached(), Bytes::copy_from_slice(&protocol.metadata));
    protocols.iter().map(kept).collect()
}

/// Whether a member says what it said before.
pub(super) fn are_same(member: &Member, protocols: &[JoinGroupRequestProtocol]) -> bool {
    member.protocols.len() == protocols.len()
        && member
            .protocols
            .iter()
            .zip(protocols)
            .all(|((name, metadata), other)| *name == other.name && *metadata == other.metadata)
}
