//! From which replica a consumer is to read (KIP-392).

use super::Leader;
use super::follower_progress::FollowerProgress;
use model::{NodeId, Offset};
use std::cmp::Reverse;

impl Leader {
    /// The follower that a consumer in `client_rack` should read from; `None` for this leader.
    ///
    /// A follower that serves has `fetch_offset` and is in the ISR. Of those in the client's rack the one with most
    /// records is chosen, then the one that was caught up last; none where the leader is in that rack itself.
    /// `rack_of` gives the rack of a broker that is alive.
    pub fn read_replica<'a>(
        &self,
        client_rack: &str,
        rack_of: &dyn Fn(NodeId) -> Option<&'a str>,
        fetch_offset: Offset,
    ) -> Option<NodeId> {
        let is_near = |id| rack_of(id) == Some(client_rack);
        if client_rack.is_empty() || is_near(self.me) {
            return None;
        }
        let serves = |follower: &&FollowerProgress| {
            let has = follower.log_start_offset.zip(follower.progress);
            follower.claim.committed && has.is_some_and(|(start, end)| (start..=end).contains(&fetch_offset))
        };
        let near = self.followers.iter().filter(serves).filter(|follower| is_near(follower.id));
        near.max_by_key(|follower| (follower.progress, follower.caught_up_at, Reverse(follower.id))).map(|it| it.id)
    }
}
