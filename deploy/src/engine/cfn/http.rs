//! What AWS's client sends by: through the proxy that the environment names, with a bound for an answer's size, which the client has not.

use crate::engine::rest::MOST_BYTES;
use crate::engine::wire::Pace;
use aws_sdk_cloudformation::config::{RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

/// The client of all of AWS's services here.
fn client() -> SharedHttpClient {
    let connector = |settings: Option<&HttpConnectorSettings>, around: Option<&RuntimeComponents>| {
        let mut builder = Connector::builder();
        builder.set_connector_settings(settings.cloned()).set_sleep_impl(around.and_then(RuntimeComponents::sleep_impl));
        // HTTPS_PROXY and NO_PROXY, as all else that speaks to a cloud here heeds them.
        builder.proxy_config(ProxyConfig::from_env()).tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
    };
    SharedHttpClient::new(Bounded(Builder::new().build_with_connector_fn(connector)))
}

/// A client whose answers end.
#[derive(Debug)]
struct Bounded<C>(C);

impl HttpClient for Bounded<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Bounded(self.0.http_connector(settings, components)))
    }
}

impl HttpConnector for Bounded<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async { Ok(answer.await?.map(|body| SdkBody::from_body_1_x(Limited::new(body, MOST_BYTES)))) })
    }
}

/// What AWS's own tools would take: flags, environment, profile. Nothing is repeated by the clients themselves.
pub async fn config(region: Option<&str>, profile: Option<&str>, endpoint: Option<&str>, pace: Pace) -> aws_config::SdkConfig {
    let http = client();
    let timeouts = aws_config::timeout::TimeoutConfig::builder()
        .connect_timeout(pace.answer.min(std::time::Duration::from_secs(10)))
        .operation_attempt_timeout(pace.answer)
        .build();
    let mut loader = aws_config::defaults(aws_config::BehaviorVersion::v2026_01_12()).http_client(http.clone()).timeout_config(timeouts);
    loader = loader.retry_config(aws_config::retry::RetryConfig::disabled());
    if let Some(region) = region {
        loader = loader.region(aws_config::Region::new(region.to_owned()));
    }
    if let Some(endpoint) = endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(profile) = profile {
        loader = by_profile(loader, profile, region.is_none(), http).await;
    }
    loader.load().await
}

/// Takes credentials and region from a profile that is named, and from nowhere else: a variable that is set by chance would be another account.
async fn by_profile(loader: aws_config::ConfigLoader, profile: &str, region: bool, http: SharedHttpClient) -> aws_config::ConfigLoader {
    use aws_config::meta::region::ProvideRegion;
    use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
    let around = aws_config::provider_config::ProviderConfig::without_region().with_http_client(http);
    let credentials = ProfileFileCredentialsProvider::builder().configure(&around).profile_name(profile).build();
    let mut loader = loader.profile_name(profile).credentials_provider(credentials);
    if region && let Some(found) = ProfileFileRegionProvider::builder().profile_name(profile).build().region().await {
        loader = loader.region(found);
    }
    loader
}
