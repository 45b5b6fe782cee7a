//! The same work with many logs.

use super::Core;
use crate::fault::StorageFault;
use std::sync::Arc;

/// Does `work` with every item, in as many tasks as the options say, each with its share. The results are in order.
pub(super) async fn in_parallel<T, R, F>(
    core: &Arc<Core>,
    items: Vec<T>,
    work: impl Fn(Arc<Core>, T) -> F + Clone + Send + 'static,
) -> Result<Vec<R>, StorageFault>
where
    T: Send + 'static,
    R: Send + 'static,
    F: Future<Output = Result<R, StorageFault>> + Send,
{
    let share = items.len().div_ceil(core.options.recovery_concurrency.max(1)).max(1);
    let mut results = Vec::with_capacity(items.len());
    let mut items = items.into_iter();
    let mut tasks = Vec::new();
    loop {
        let part: Vec<T> = items.by_ref().take(share).collect();
        if part.is_empty() {
            break;
        }
        let (core, work) = (core.clone(), work.clone());
        tasks.push(runtime::task::spawn("many logs", async move {
            let mut results = Vec::with_capacity(part.len());
            for item in part {
                results.push(work(core.clone(), item).await?);
            }
            Ok::<_, StorageFault>(results)
        }));
    }
    // All of them end before the first fault is told: none may go on with a directory that is given up.
    let mut first_fault = None;
    for task in tasks {
        match task.await.map_err(|error| StorageFault::Failed(error.to_string())).and_then(|result| result) {
            Ok(part) => results.extend(part),
            Err(fault) => first_fault = first_fault.or(Some(fault)),
        }
    }
    match first_fault {
        Some(fault) => Err(fault),
        None => Ok(results),
    }
}
