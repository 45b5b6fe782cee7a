//! Deletes the records below an offset.

use super::admin::{Admin, change_refused};
use super::reader::place_in;
use crate::plan::Place;
use jepsen_lite::history::{Action, Answer, Outcome};
use protocol::messages::delete_records::{DeleteRecordsPartition, DeleteRecordsTopic};
use protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};
use runtime::time::Duration;

const WITHIN: Duration = Duration::from_secs(3);

impl Admin {
    /// Asks the leader.
    pub async fn delete_records(&mut self, place: Place, at: u16) {
        let Some(leader) = self.routes.leader(place).await else { return };
        if self.routes.wire(leader).await.is_none() {
            return;
        }
        let partition = self.client.partition(place);
        let before = place_in(self.client.around.bounds_of(place), at);
        let data =
            DeleteRecordsPartition { partition_index: partition.partition, offset: before, ..Default::default() };
        let name = (&*partition.topic).into();
        let topic = DeleteRecordsTopic { name, partitions: vec![data], ..Default::default() };
        let request = DeleteRecordsRequest { topics: vec![topic], timeout_ms: 3000, ..Default::default() };
        let action = Action::DeleteRecords { partition, before };
        let operation = self.client.around.chronicle.invoke(self.client.process, action);
        let Some(wire) = self.routes.wire(leader).await else { return };
        let outcome = match wire.call(&request, 2, WITHIN).await {
            Ok(response) => judge(&response),
            Err(failure) => {
                self.routes.drop_wire(leader);
                Outcome::Unknown(failure.to_string())
            }
        };
        match &outcome {
            Outcome::Ok(Answer::RecordsDeleted { log_start }) => self.client.around.learn(place, *log_start, -1),
            _ => self.routes.forget(place),
        }
        self.client.around.chronicle.complete(operation, outcome);
    }
}

fn judge(response: &DeleteRecordsResponse) -> Outcome {
    match response.topics.first().and_then(|topic| topic.partitions.first()) {
        Some(done) if done.error_code == 0 => Outcome::Ok(Answer::RecordsDeleted { log_start: done.low_watermark }),
        Some(done) => change_refused(done.error_code),
        None => Outcome::Unknown("no answer for the partition".into()),
    }
}
