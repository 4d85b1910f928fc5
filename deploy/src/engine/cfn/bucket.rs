//! Buckets: where a large template is laid down for CloudFormation, and what keeps a stack's own buckets from being removed.

use super::Cfn;
use super::fault::of_store;
use crate::engine::wire::{Fault, read, token};
use aws_sdk_s3::types::{BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, Delete, ObjectIdentifier, VersioningConfiguration};

/// How large a template may be to be handed over directly ("CloudFormation quotas" in its user guide), in bytes.
pub const DIRECT: usize = 51_200;

impl Cfn {
    /// Lays a template down, and gives its address. The bucket is the one that the user names, or one of the account's own, made once: private and versioned.
    pub(super) async fn lay_down(&self, template: &str) -> Result<String, Fault> {
        let bucket = match &self.options.bucket {
            Some(bucket) => bucket.clone(),
            None => format!("stackc-templates-{}-{}", self.account, self.region),
        };
        // Anybody can take a bucket's name first. One that the user names may be another account's on purpose.
        let owner = self.options.bucket.is_none().then(|| self.account.clone());
        let look = async || self.s3.head_bucket().bucket(&bucket).set_expected_bucket_owner(owner.clone()).send().await.map(drop).map_err(of_store);
        match read(self.pace, &self.notice, look).await {
            Err(Fault::Said(code, _)) if owner.is_some() && (code == "NotFound" || code == "404") => self.make(&bucket).await?,
            Err(Fault::Said(code, text)) if owner.is_some() && (code == "403" || code == "AccessDenied" || code == "Forbidden") => {
                let why = format!("the bucket {bucket} is another account's, or may not be looked at ({text}): name one of your own with --template-bucket");
                return Err(Fault::Said(code, why));
            }
            answer => answer?,
        }
        let key = format!("{}/{}.json", self.options.stack, token());
        let body = template.as_bytes().to_vec();
        let put = async || {
            let call = self.s3.put_object().bucket(&bucket).key(&key).content_type("application/json").body(body.clone().into());
            call.set_expected_bucket_owner(owner.clone()).send().await.map(|answer| answer.version_id).map_err(of_store)
        };
        let mut version = read(self.pace, &self.notice, put).await?;
        if version.is_none() && owner.is_some() {
            // What can be overwritten is not what was looked at.
            self.keep_versions(&bucket).await?;
            version = read(self.pace, &self.notice, put).await?;
        }
        let version = version.filter(|version| version != "null").map(|version| format!("?versionId={version}")).unwrap_or_default();
        Ok(match &self.endpoint {
            Some(endpoint) => format!("{}/{bucket}/{key}{version}", endpoint.trim_end_matches('/')),
            None => {
                let suffix = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
                format!("https://{bucket}.s3.{}.{suffix}/{key}{version}", self.region)
            }
        })
    }

    /// A new bucket is closed to the public and encrypted by itself; making it again is no fault.
    async fn make(&self, bucket: &str) -> Result<(), Fault> {
        let place = (self.region != "us-east-1")
            .then(|| CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(self.region.as_str())).build());
        let made = read(self.pace, &self.notice, async || {
            self.s3.create_bucket().bucket(bucket).set_create_bucket_configuration(place.clone()).send().await.map(drop).map_err(of_store)
        });
        match made.await {
            Err(Fault::Said(code, _)) if code == "BucketAlreadyOwnedByYou" => {}
            answer => answer?,
        }
        self.keep_versions(bucket).await
    }

    /// Keeps every version of what is in a bucket of ours.
    async fn keep_versions(&self, bucket: &str) -> Result<(), Fault> {
        let versions = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        read(self.pace, &self.notice, async || {
            let call = self.s3.put_bucket_versioning().bucket(bucket).versioning_configuration(versions.clone());
            call.expected_bucket_owner(&self.account).send().await.map(drop).map_err(of_store)
        })
        .await
    }

    /// Some of what is in a bucket, earlier versions and the marks of deleted ones among it.
    async fn contents(&self, bucket: &str, most: i32) -> Result<Vec<ObjectIdentifier>, Fault> {
        let page = read(self.pace, &self.notice, async || {
            self.s3.list_object_versions().bucket(bucket).max_keys(most).expected_bucket_owner(&self.account).send().await.map_err(of_store)
        })
        .await;
        let page = match page {
            // Gone already, by somebody's hand.
            Err(Fault::Said(code, _)) if code == "NoSuchBucket" => return Ok(Vec::new()),
            page => page?,
        };
        let versions = page.versions().iter().map(|version| (version.key(), version.version_id()));
        let marks = page.delete_markers().iter().map(|mark| (mark.key(), mark.version_id()));
        let named =
            versions.chain(marks).filter_map(|(key, version)| ObjectIdentifier::builder().key(key?).set_version_id(version.map(str::to_owned)).build().ok());
        Ok(named.collect())
    }

    /// Whether a bucket has anything in it.
    pub(super) async fn is_filled(&self, bucket: &str) -> Result<bool, Fault> {
        Ok(!self.contents(bucket, 1).await?.is_empty())
    }

    /// Deletes all that is in a bucket.
    pub(super) async fn empty(&self, bucket: &str) -> Result<(), Fault> {
        let mut before = Vec::new();
        loop {
            let found = self.contents(bucket, 1_000).await?;
            if found.is_empty() {
                return Ok(());
            }
            if found == before {
                return Err(Fault::Said(String::new(), format!("what is in {bucket} stays there, though it was deleted")));
            }
            before.clone_from(&found);
            let Ok(these) = Delete::builder().set_objects(Some(found)).quiet(true).build() else { return Ok(()) };
            let answer = read(self.pace, &self.notice, async || {
                self.s3.delete_objects().bucket(bucket).delete(these.clone()).expected_bucket_owner(&self.account).send().await.map_err(of_store)
            })
            .await?;
            if let Some(error) = answer.errors().first() {
                return Err(Fault::Said(
                    error.code().unwrap_or_default().to_owned(),
                    format!("{}: {}", error.key().unwrap_or_default(), error.message().unwrap_or_default()),
                ));
            }
        }
    }
}
