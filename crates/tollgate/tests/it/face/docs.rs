//! The reference at `/docs`: every page answers, every link leads somewhere, and what it shows is what is in force.

use super::guarded;
use crate::harness::{ADMIN, Gateway};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Addresses in a page's `href` and `src`.
fn addresses(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for mark in [" href=\"", " src=\""] {
        found.extend(page.split(mark).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.replace("&amp;", "&"))));
    }
    found
}

#[test]
fn every_page_answers_and_every_link_leads_somewhere() {
    let gateway = Gateway::start("");
    let mut waiting = vec!["/docs".to_owned()];
    let mut places: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut wanted: BTreeSet<(String, String, String)> = BTreeSet::new();
    while let Some(path) = waiting.pop() {
        if places.contains_key(&path) {
            continue;
        }
        let answer = gateway.get(&path, &[]);
        assert_eq!(answer.status, 200, "{path}");
        guarded(&path, &answer);
        let mut ids = BTreeSet::new();
        if answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
            let page = answer.text();
            assert!(!page.contains("<style") && !page.contains(" style=\""), "{path}");
            assert!(page.matches("<script").count() == 2, "{path}: only two scripts, both files");
            assert!(page.matches("<h1").count() == 1 && page.contains("<title>"), "{path}");
            let names = page.split(" id=\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()));
            for id in names {
                assert!(ids.insert(id.clone()), "{path} has {id} twice");
            }
            for address in addresses(&page) {
                let (to, place) = address.split_once('#').unwrap_or((&address, ""));
                if to.starts_with("http") {
                    // Only as a link that a person may follow; nothing is loaded from there.
                    assert!(!page.contains(&format!("src=\"{address}")), "{path} loads {address}");
                    continue;
                }
                let to = if to.is_empty() { path.as_str() } else { to };
                assert!(to.starts_with('/'), "{path} links to {address}");
                waiting.push(to.to_owned());
                wanted.insert((path.clone(), to.to_owned(), place.to_owned()));
            }
        }
        places.insert(path, ids);
    }
    for (from, to, place) in wanted {
        assert!(place.is_empty() || places[&to].contains(&place), "{from} links to {to}#{place}");
    }
    assert!(places.len() > 150, "{} pages", places.len());
    for name in ["", "/overview", "/authentication", "/streaming", "/errors", "/models", "/videos", "/sandbox", "/sdks"]
    {
        let path = format!("/docs{name}");
        assert_eq!(gateway.get(&path, &[]).status, 200, "{path}");
    }
    for path in ["/docs/nothing", "/docs/api/nothing", "/docs/schemas/Nothing", "/docs/api/", "/docsx", "/docs//"] {
        assert!(matches!(gateway.get(path, &[]).status, 400 | 404), "{path}");
    }
    assert_eq!(gateway.post("/docs", &[], "").status, 405);
}

/// Method, path and description of every operation of the document that the gateway serves.
pub(super) fn operations(gateway: &Gateway) -> Vec<(String, String, Value)> {
    let document = gateway.get("/openapi.json", &[]).json();
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation.clone()))
    });
    each.collect()
}

#[test]
fn a_route_has_its_page_with_samples_in_fifteen_languages() {
    let gateway = Gateway::start("");
    let languages = [
        "Shell",
        "JavaScript",
        "Java",
        "Swift",
        "Go",
        "PHP",
        "Python",
        "HTTP",
        "C",
        "C#",
        "Objective-C",
        "Ruby",
        "OCaml",
        "Dart",
        "R",
    ];
    let operations = operations(&gateway);
    assert!(operations.len() > 70, "{}", operations.len());
    for (method, path, operation) in operations {
        let id = operation["operationId"].as_str().unwrap();
        let page = gateway.get(&format!("/docs/api/{id}"), &[]).text();
        assert!(page.contains(&format!(">{method}</span><code>{path}</code>")), "{id}");
        assert_eq!(page.matches(" data-sample=\"").count(), languages.len(), "{id}");
        for language in languages {
            assert!(page.contains(&format!("\">{language}</option>")), "{id}: {language}");
        }
        // Each answer that the document has, with how it fails.
        for status in operation["responses"].as_object().unwrap().keys() {
            assert!(page.contains(&format!("\">{status}</span>")), "{id}: {status}");
        }
        assert_eq!(page.contains("does not answer this route"), operation["x-tollgate-live"] != true, "{id}");
    }
    let chat = gateway.get("/docs/api/createChatCompletion", &[]).text();
    for part in ["text/event-stream", "[DONE]", "\"error\"", "invalid_api_key", "id=\"try-key\"", "id=\"try-body\""] {
        assert!(chat.contains(&part.replace('"', "&quot;")) || chat.contains(part), "{part}");
    }
}

#[test]
fn the_list_for_language_models_leads_to_text() {
    let gateway = Gateway::start("");
    let list = gateway.get("/llms.txt", &[]);
    assert_eq!(list.header("content-type"), Some("text/plain; charset=utf-8"));
    let list = list.text();
    assert!(list.starts_with("# tollgate\n\n> "), "{list}");
    let links: Vec<&str> = list.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0)).collect();
    assert!(links.len() > 60, "{list}");
    for link in links {
        let answer = gateway.get(link, &[]);
        assert_eq!(answer.status, 200, "{link}");
        if let Some(page) = link.strip_suffix(".md") {
            assert!(answer.text().starts_with("# "), "{page}");
        }
    }
}

#[test]
fn models_and_prices_are_those_in_force() {
    let config = "[prices.\"openai-compatible/ours-and-nobodys\"]\ninput_per_million = \"0.123\"\noutput_per_million = \"4.5\"\n";
    let gateway = Gateway::start(config);
    let page = gateway.get("/docs/models", &[]).text();
    assert!(page.contains("<code>ours-and-nobodys</code>"), "{page}");
    assert!(page.contains("$0.123</td>") && page.contains("$4.50</td>"), "{page}");
    let auth = format!("Bearer {ADMIN}");
    let mut path = "/admin/v1/prices".to_owned();
    let mut seen = 0;
    loop {
        let list = gateway.get(&path, &[("authorization", &auth)]).json();
        for row in list["data"].as_array().unwrap() {
            let model = row["model"].as_str().unwrap();
            assert!(page.contains(&format!("<td><code>{model}</code></td>")), "{row}");
            seen += 1;
        }
        let Some(next) = list["next"].as_str() else { break };
        path = format!("/admin/v1/prices?after={}", next.replace('/', "%2F"));
    }
    assert!(seen > 100, "{seen}");
    // What is taken into force while it runs is shown.
    let file = gateway.dir.path().join("tollgate.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("0.123", "0.234")).unwrap();
    gateway.signal("HUP");
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !gateway.get("/docs/models", &[]).text().contains("$0.234</td>") {
        assert!(std::time::Instant::now() < end, "{}", gateway.log());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn the_reference_stays_small_and_is_kept_by_its_tag() {
    let gateway = Gateway::start("");
    let page = gateway.get("/docs/api/createChatCompletion", &[("accept-encoding", "gzip")]);
    assert_eq!(page.header("content-encoding"), Some("gzip"));
    let mut all = page.body.len();
    let plain = gateway.get("/docs/api/createChatCompletion", &[]);
    for file in addresses(&plain.text()).iter().filter(|path| path.starts_with("/docs/files/")) {
        all += gateway.get(file, &[("accept-encoding", "gzip")]).body.len();
    }
    assert!(all < 100_000, "{all} bytes");
    let again = gateway.get("/docs/api/createChatCompletion", &[("if-none-match", plain.header("etag").unwrap())]);
    assert_eq!((again.status, again.body.len()), (304, 0));
}
