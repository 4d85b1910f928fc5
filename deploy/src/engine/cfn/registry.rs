//! Registries: the images that keep a stack's own from being removed.

use super::Cfn;
use super::fault::fault;
use crate::engine::wire::{Fault, read};
use aws_sdk_ecr::types::ImageIdentifier;

/// How many images one call deletes at most ("BatchDeleteImage" in ECR's API reference).
const AT_ONCE: i32 = 100;

impl Cfn {
    /// Some of the images of a repository, by their digests, since an image can have many tags.
    async fn images(&self, repository: &str, most: i32) -> Result<Vec<ImageIdentifier>, Fault> {
        let page = read(self.pace, &self.notice, async || {
            let call = self.ecr.list_images().repository_name(repository).max_results(most);
            call.send().await.map_err(fault)
        });
        let page = match page.await {
            // Gone already, by somebody's hand.
            Err(Fault::Said(code, _)) if code == "RepositoryNotFoundException" => return Ok(Vec::new()),
            page => page?,
        };
        let mut digests: Vec<&str> = page.image_ids().iter().filter_map(|image| image.image_digest()).collect();
        digests.sort_unstable();
        digests.dedup();
        Ok(digests.into_iter().map(|digest| ImageIdentifier::builder().image_digest(digest).build()).collect())
    }

    /// Whether a repository has any image.
    pub(super) async fn has_images(&self, repository: &str) -> Result<bool, Fault> {
        Ok(!self.images(repository, 1).await?.is_empty())
    }

    /// Deletes all images of a repository.
    pub(super) async fn delete_images(&self, repository: &str) -> Result<(), Fault> {
        let mut before = Vec::new();
        loop {
            let found = self.images(repository, AT_ONCE).await?;
            if found.is_empty() {
                return Ok(());
            }
            let answer = read(self.pace, &self.notice, async || {
                self.ecr.batch_delete_image().repository_name(repository).set_image_ids(Some(found.clone())).send().await.map_err(fault)
            });
            let answer = answer.await?;
            // An image that another names is refused until that one is gone; when nothing went, nothing will.
            if found == before {
                let why = answer.failures().first().and_then(|failure| failure.failure_reason()).unwrap_or("no reason was given");
                return Err(Fault::Said(String::new(), format!("images of {repository} stay there, though they were deleted: {why}")));
            }
            before = found;
        }
    }
}
