//! Registries, as far as the client uses them. An image that another names cannot go before that one.

use super::World;
use serde_json::{Value, json};

/// Answers a call: its status and its text.
pub fn answer(world: &mut World, action: &str, body: &str) -> (u16, String) {
    let body: Value = serde_json::from_str(body).unwrap();
    let name = body["repositoryName"].as_str().unwrap();
    let Some(images) = world.images.get_mut(name) else {
        // One that the stack has made and nobody has pushed to.
        return (200, json!({ "imageIds": [], "failures": [] }).to_string());
    };
    match action {
        "ListImages" => {
            let most = body["maxResults"].as_u64().unwrap() as usize;
            let ids: Vec<Value> = images.iter().take(most).map(|(digest, _)| json!({ "imageDigest": digest, "imageTag": format!("of-{digest}") })).collect();
            (200, json!({ "imageIds": ids }).to_string())
        }
        "BatchDeleteImage" => {
            let asked: Vec<&str> = body["imageIds"].as_array().unwrap().iter().map(|id| id["imageDigest"].as_str().unwrap()).collect();
            assert!(asked.len() <= 100, "more than one call takes");
            let named: Vec<String> = images.iter().filter_map(|(_, names)| names.clone()).collect();
            let (gone, kept): (Vec<&str>, Vec<&str>) = asked.into_iter().partition(|digest| !named.iter().any(|name| name == digest));
            images.retain(|(digest, _)| !gone.contains(&digest.as_str()));
            world.acts.push(format!("BatchDeleteImage {}", gone.len()));
            let failures: Vec<Value> = kept
                .iter()
                .map(|digest| json!({ "imageId": { "imageDigest": digest }, "failureCode": "ImageReferencedByManifestList", "failureReason": "Requested image referenced by manifest list" }))
                .collect();
            (200, json!({ "imageIds": gone.iter().map(|digest| json!({ "imageDigest": digest })).collect::<Vec<_>>(), "failures": failures }).to_string())
        }
        _ => (400, json!({ "__type": "InvalidParameterException", "message": action }).to_string()),
    }
}
