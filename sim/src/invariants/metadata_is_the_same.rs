//! Up to the same offset of the metadata log every node sees the same cluster.

use super::violated;
use crate::run::Cluster;
use model::metadata_image::MetadataImage;
use model::{NodeId, Offset};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Images of so many offsets are kept to compare others with.
const KEPT: usize = 64;

/// The last images.
#[derive(Default)]
pub struct MetadataIsTheSame {
    images: BTreeMap<Offset, (NodeId, Arc<MetadataImage>)>,
    seen: BTreeMap<NodeId, Offset>,
}

impl MetadataIsTheSame {
    /// Looks at every node whose image is another than before.
    pub fn check(&mut self, cluster: &Cluster) {
        for (server, broker) in cluster.brokers() {
            let image = broker.metadata.image();
            let offset = image.end_offset();
            if self.seen.insert(server.id, offset) == Some(offset) {
                continue;
            }
            let (first, known) = self.images.entry(offset).or_insert_with(|| (server.id, image.clone()));
            if *known != image {
                violated!("nodes {first} and {} have different metadata at offset {offset}", server.id);
            }
            while self.images.len() > KEPT {
                self.images.pop_first();
            }
        }
    }
}
