//! What became of a call to AWS, from what its client says.

use crate::engine::wire::Fault;
use aws_sdk_cloudformation::config::http::HttpResponse;
use aws_sdk_cloudformation::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

const AGAIN: &str = "log in again, such as with `aws sso login`";
const LOG_IN: &str =
    "no AWS credentials were found: log in with `aws sso login` and name the profile (--profile), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

/// The same for S3, which says no more than a status where an answer has no body.
pub fn of_store<E>(error: SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let status = match &error {
        SdkError::ServiceError(service) => service.raw().status().as_u16().to_string(),
        _ => String::new(),
    };
    match fault(error) {
        Fault::Said(code, text) if code.is_empty() => Fault::Said(status, text),
        other => other,
    }
}

/// What became of a call, from what the client says.
pub fn fault<E>(error: SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let meta = match &error {
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let code = service.err().code().unwrap_or_default().to_owned();
            let text = service.err().message().unwrap_or("no reason was given").to_owned();
            Some((status, code, text))
        }
        _ => None,
    };
    let Some((status, code, text)) = meta else {
        let text = DisplayErrorContext(&error).to_string();
        let short = text.split(" (").next().unwrap_or(&text).to_owned();
        // A login that has run out is found before anything is sent.
        let lower = text.to_ascii_lowercase();
        return match lower.contains("credentials") {
            true if lower.contains("expired") => Fault::Expired(short, AGAIN),
            true => Fault::NoCredentials(LOG_IN, short),
            false => Fault::Lost(short),
        };
    };
    match code.as_str() {
        "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "TooManyRequestsException" | "RequestThrottled" | "RequestThrottledException" => {
            Fault::Throttled(text)
        }
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "InvalidClientTokenId" | "UnrecognizedClientException" | "SignatureDoesNotMatch" => {
            Fault::Expired(text, AGAIN)
        }
        _ if status == 429 => Fault::Throttled(text),
        _ if status >= 500 => Fault::Lost(format!("{status} {code}")),
        _ => Fault::Said(code, text),
    }
}
