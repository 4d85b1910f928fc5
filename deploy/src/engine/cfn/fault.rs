//! What became of a call to AWS, from what its client says.

use crate::engine::rest::{MOST_BYTES, bounded};
use crate::engine::wire::{Fault, no_answer};
use aws_sdk_cloudformation::config::http::HttpResponse;
use aws_sdk_cloudformation::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

/// How to log in again.
pub const AGAIN: &str = "log in again, such as with `aws sso login`";
/// How to log in.
pub const LOG_IN: &str =
    "no AWS credentials were found: log in with `aws sso login` and name the profile (--profile), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

/// AWS takes no request that says to be of another time than its own by more than minutes ("Troubleshooting AWS API requests" in IAM's guide;
/// the codes and words of its services differ).
const CLOCK_IS_OFF: [&str; 4] = ["RequestTimeTooSkewed", "Signature expired:", "Signature not yet current", "RequestInTheFuture"];
const SET_THE_CLOCK: &str = "set this machine's clock, which differs from the cloud's by minutes or more";

/// What a body says that is longer than it may be (http-body-util, `LengthLimitError`).
const ENDLESS: &str = "length limit exceeded";

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

/// What is at the bottom of an error: that it is a "dispatch failure" tells nobody anything.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
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
        if innermost(&error) == ENDLESS {
            return Fault::Strange(format!("it does not end after {} MiB", MOST_BYTES / 1024 / 1024));
        }
        let lower = text.to_ascii_lowercase();
        return match lower.contains("credentials") {
            true if lower.contains("expired") => Fault::Expired(short, AGAIN),
            true => Fault::NoCredentials(LOG_IN, short),
            false => no_answer(&error, innermost(&error)),
        };
    };
    of_code(status, &code, &text)
}

/// What a refusal comes to, by its status and its code.
pub fn of_code(status: u16, code: &str, text: &str) -> Fault {
    let text = bounded(text);
    match code {
        "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "TooManyRequestsException" | "RequestThrottled" | "RequestThrottledException" => {
            Fault::Throttled(text)
        }
        _ if CLOCK_IS_OFF.iter().any(|words| code.contains(words) || text.contains(words)) => Fault::Expired(text, SET_THE_CLOCK),
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "InvalidClientTokenId" | "UnrecognizedClientException" | "SignatureDoesNotMatch" => {
            Fault::Expired(text, AGAIN)
        }
        _ if status == 429 => Fault::Throttled(text),
        _ if status >= 500 => Fault::Lost(format!("{status} {code}")),
        _ => Fault::Said(code.to_owned(), text),
    }
}

/// What it means that credentials could not be had.
pub fn of_credentials(error: &(dyn std::error::Error + 'static)) -> Fault {
    let text = innermost(error);
    let expired = DisplayErrorContext(error).to_string().to_ascii_lowercase().contains("expired");
    if expired { Fault::Expired(text, AGAIN) } else { Fault::NoCredentials(LOG_IN, text) }
}
