//! Buckets, as far as the client uses them.

use super::World;
use super::http::escape;

/// Answers a request: its status, its text, and the version of what was put.
pub fn answer(world: &mut World, method: &str, target: &str, body: &str, owner: Option<&str>) -> (u16, String, Option<String>) {
    let bucket = target.trim_matches('/').split(['/', '?']).next().unwrap_or_default();
    if world.foreign.contains(bucket) && owner.is_some() {
        // A bucket of another account than the expected one is refused, whatever it allows.
        return (
            403,
            if method == "HEAD" { String::new() } else { "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>".to_owned() },
            None,
        );
    }
    let puts = method == "PUT" && target.trim_matches('/').contains('/');
    let version = (puts && world.versioned.contains(bucket)).then(|| "v1".to_owned());
    let (status, text) = answered(world, method, target, body);
    (status, text, version.filter(|_| status == 200))
}

fn answered(world: &mut World, method: &str, target: &str, body: &str) -> (u16, String) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = path.trim_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let error = |status: u16, code: &str| {
        (status, if method == "HEAD" { String::new() } else { format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>") })
    };
    if method == "PUT" && key.is_empty() && !query.contains("versioning") {
        world.acts.push(format!("CreateBucket {bucket}"));
        world.buckets.insert(bucket.to_owned(), Default::default());
        return (200, String::new());
    }
    let Some(there) = world.buckets.get_mut(bucket) else { return error(404, "NoSuchBucket") };
    match method {
        "HEAD" => (200, String::new()),
        "PUT" if key.is_empty() => {
            world.acts.push(format!("PutBucketVersioning {bucket}"));
            world.versioned.insert(bucket.to_owned());
            (200, String::new())
        }
        "PUT" => {
            there.insert(key.to_owned(), body.to_owned());
            world.acts.push("PutObject".to_owned());
            (200, String::new())
        }
        "GET" if query.contains("versions") => {
            let version = |key: &String| format!("<Version><Key>{}</Key><VersionId>1</VersionId><IsLatest>true</IsLatest></Version>", escape(key));
            let found: String = there.keys().take(1_000).map(version).collect();
            (200, format!("<ListVersionsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>{bucket}</Name>{found}</ListVersionsResult>"))
        }
        "POST" if query.contains("delete") => {
            let plain = |key: &str| key.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
            let keys: Vec<String> = body.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()).map(plain).collect();
            keys.iter().for_each(|key| {
                there.remove(key);
            });
            world.acts.push(format!("DeleteObjects {}", keys.len()));
            (200, "<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"></DeleteResult>".to_owned())
        }
        _ => error(400, "NotImplemented"),
    }
}
