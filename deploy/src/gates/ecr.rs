//! AWS's own registry, which lets nobody look without AWS's credentials.

use super::Seen;
use super::image::Reference;
use crate::arguments::Place;
use crate::engine::cfn::http;
use crate::engine::wire::Pace;
use aws_sdk_ecr::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_ecr::types::ImageIdentifier;
use std::time::Duration;

/// The region of a registry of AWS's, by its host: `123456789012.dkr.ecr.eu-west-1.amazonaws.com`.
pub fn region(host: &str) -> Option<&str> {
    let (account, rest) = host.split_once(".dkr.ecr.")?;
    let region = rest.strip_suffix(".amazonaws.com").or_else(|| rest.strip_suffix(".amazonaws.com.cn"))?;
    account.bytes().all(|digit| digit.is_ascii_digit()).then_some(region)
}

/// Looks once.
pub async fn look(reference: &Reference, region: &str, place: &Place, answer: Duration) -> Seen {
    let pace = Pace { poll: answer, patience: answer, answer };
    let config = http::config(Some(region), place.profile.as_deref(), place.endpoint_url.as_deref(), pace).await;
    let client = aws_sdk_ecr::Client::new(&config);
    let image = ImageIdentifier::builder();
    let image = if reference.version.contains(':') { image.image_digest(&reference.version) } else { image.image_tag(&reference.version) };
    let account = reference.host.split('.').next().unwrap_or_default();
    let asked = client.describe_images().registry_id(account).repository_name(&reference.path).image_ids(image.build());
    match asked.send().await {
        Ok(found) if !found.image_details().is_empty() => Seen::Open,
        Ok(_) => Seen::Shut("it is not in its registry yet".to_owned()),
        Err(error) => match error.code() {
            Some("ImageNotFoundException" | "RepositoryNotFoundException") => Seen::Shut("it is not in its registry yet".to_owned()),
            _ => Seen::Unknown(format!(
                "AWS does not say whether it is there: {}",
                error.message().map_or_else(|| DisplayErrorContext(&error).to_string(), str::to_owned)
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::region;

    #[test]
    fn a_registry_of_aws_is_known_by_its_host() {
        assert_eq!(region("123456789012.dkr.ecr.eu-west-1.amazonaws.com"), Some("eu-west-1"));
        assert_eq!(region("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"), Some("cn-north-1"));
        assert_eq!(region("public.ecr.aws"), None);
        assert_eq!(region("evil.dkr.ecr.eu-west-1.amazonaws.com"), None);
    }
}
