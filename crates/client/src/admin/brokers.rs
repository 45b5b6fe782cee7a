//! Brokers that will not come back (KIP-631).

use super::Admin;
use crate::error::{Result, check};
use crate::retries::Call;
use model::NodeId;
use protocol::messages::UnregisterBrokerRequest;

impl Admin {
    /// Takes a broker that is gone for good out of the cluster. Not sent again once it may have been done.
    ///
    /// # Errors
    /// No broker answered, or there is no such broker.
    pub async fn unregister_broker(&self, node: NodeId) -> Result<()> {
        let request = UnregisterBrokerRequest { broker_id: node, ..Default::default() };
        let mut retries = self.cluster.retries(Call::Once);
        loop {
            let attempt = async {
                let answer = self.cluster.controller().await?.call(&request).await?;
                let what = || format!("unregistering broker {node}");
                self.learn(check(what, answer.error_code, answer.error_message.as_deref())).await
            };
            if let Some(result) = retries.attempt(attempt).await {
                return result;
            }
        }
    }
}
