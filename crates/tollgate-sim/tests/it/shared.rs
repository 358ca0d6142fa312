//! What lies beside the repository: recorded traffic and the vendors' own descriptions. Absent in a plain clone.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock},
};

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

/// A directory of `shared`; none, said aloud, where it is absent.
pub(crate) fn directory(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(name);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: there is no {}", path.display());
    None
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A recorded exchange.
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) request: Value,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) status: u64,
    pub(crate) answer: Value,
}

/// The exchanges of a protocol that were recorded with their requests.
pub(crate) fn recorded(provider: &str, protocol: &str) -> Vec<Case> {
    let recorded = |row: &Value| row["fidelity"].as_str().unwrap().starts_with("recorded");
    let mut cases = exchanges(provider, protocol, recorded);
    cases.retain(|case| case.request.is_object());
    cases
}

/// All exchanges of a protocol, those written after the vendor's documents too; some without their request.
pub(crate) fn exchanges(provider: &str, protocol: &str, keep: impl Fn(&Value) -> bool) -> Vec<Case> {
    let Some(root) = directory("fixtures") else {
        return Vec::new();
    };
    let index = std::fs::read_to_string(root.join("index.jsonl")).unwrap();
    let rows = index.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.filter(|row| row["provider"] == provider && row["protocol"] == protocol && keep(row))
        .map(|row| {
            let case = read(&root.join(row["file"].as_str().unwrap()));
            let request = &case["request"];
            Case {
                id: row["id"].as_str().unwrap().to_owned(),
                path: row["endpoint"].as_str().unwrap().split_once(' ').unwrap().1.to_owned(),
                request: request["body"].clone(),
                headers: request["headers"]
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
                    .collect(),
                status: row["status"].as_u64().unwrap(),
                answer: case["response"]["body"].clone(),
            }
        })
        .collect()
}

/// Asserts that a value is what the vendor's description says; silent where there is no description.
pub(crate) fn assert_valid(vendor: &str, schema: &str, value: &Value) {
    static VALIDATORS: OnceLock<Mutex<HashMap<String, Option<Validator>>>> = OnceLock::new();
    let mut validators = VALIDATORS.get_or_init(Mutex::default).lock().unwrap();
    let validator = validators.entry(format!("{vendor} {schema}")).or_insert_with(|| {
        let root = directory("specs")?;
        let mut document = read(&root.join(vendor).join("relaxed.json"));
        document["$ref"] = json!(format!("#/components/schemas/{schema}"));
        Some(jsonschema::options().with_draft(Draft::Draft202012).build(&document).unwrap())
    });
    if let Some(validator) = validator {
        let errors: Vec<String> =
            validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{vendor} {schema}: {errors:#?}\n{value:#}");
    }
}
