//! Languages that run as they are.

use super::{Ask, Body, indented, quoted};
use std::fmt::Write as _;

/// A shell's own quotes.
fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

pub(super) fn shell(ask: &Ask) -> String {
    let mut text = format!("curl {}", single(&ask.url));
    if ask.method != "GET" && (ask.method != "POST" || matches!(ask.body, Body::None)) {
        let _ = write!(text, " -X {}", ask.method);
    }
    if let Some(key) = ask.key {
        let _ = write!(text, " \\\n  -H \"Authorization: Bearer ${key}\"");
    }
    match &ask.body {
        Body::None => {}
        Body::Json(json) => {
            let _ = write!(text, " \\\n  -H 'Content-Type: application/json' \\\n  -d {}", single(json));
        }
        Body::Form(fields) => {
            for (name, value) in fields {
                let at = if name == "file" { "@" } else { "" };
                let _ = write!(text, " \\\n  -F {name}={at}{value}");
            }
        }
    }
    text + "\n"
}

pub(super) fn javascript(ask: &Ask) -> String {
    let mut text = String::new();
    let mut headers = Vec::new();
    if let Some(key) = ask.key {
        headers.push(format!("Authorization: `Bearer ${{process.env.{key}}}`"));
    }
    let body = match &ask.body {
        Body::None => String::new(),
        Body::Json(json) => {
            headers.push("\"Content-Type\": \"application/json\"".to_owned());
            format!("  body: JSON.stringify({}),\n", indented(json, 2).trim_start())
        }
        Body::Form(fields) => {
            text.push_str("import { readFile } from \"node:fs/promises\";\n\nconst form = new FormData();\n");
            for (name, value) in fields {
                let value = quoted(value);
                let _ = match name.as_str() {
                    "file" => writeln!(text, "form.append(\"file\", new Blob([await readFile({value})]), {value});"),
                    _ => writeln!(text, "form.append({}, {value});", quoted(name)),
                };
            }
            text.push('\n');
            "  body: form,\n".to_owned()
        }
    };
    let headers =
        if headers.is_empty() { String::new() } else { format!("  headers: {{ {} }},\n", headers.join(", ")) };
    let _ = write!(
        text,
        "const answer = await fetch({}, {{\n  method: \"{}\",\n{headers}{body}}});\n\
         for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {{\n  process.stdout.write(piece);\n}}\n",
        quoted(&ask.url),
        ask.method
    );
    text
}

pub(super) fn python(ask: &Ask) -> String {
    let mut text = String::from("import os\nimport shutil\nimport sys\nimport urllib.request\n\n");
    let mut headers = Vec::new();
    if let Some(key) = ask.key {
        headers.push(format!("    \"Authorization\": \"Bearer \" + os.environ[\"{key}\"],\n"));
    }
    let data = match &ask.body {
        Body::None => "None",
        Body::Json(json) => {
            headers.push("    \"Content-Type\": \"application/json\",\n".to_owned());
            // A raw string keeps JSON's own escapes; JSON never holds three quotes of this kind in a row unescaped.
            let _ = write!(text, "body = r'''{}'''\n\n", json.replace('\'', "\\u0027"));
            "body.encode()"
        }
        Body::Form(fields) => {
            headers.push("    \"Content-Type\": \"multipart/form-data; boundary=\" + boundary,\n".to_owned());
            text.push_str("boundary = os.urandom(16).hex()\nbody = b\"\"\n");
            for (name, value) in fields {
                let (more, content) = match name.as_str() {
                    "file" => {
                        (format!("; filename=\\\"{value}\\\""), format!("open({}, \"rb\").read()", quoted(value)))
                    }
                    _ => (String::new(), format!("b{}", quoted(value))),
                };
                let _ = writeln!(
                    text,
                    "body += f\"--{{boundary}}\\r\\nContent-Disposition: form-data; name=\\\"{name}\\\"{more}\\r\\n\\r\\n\"\
                     .encode() + {content} + b\"\\r\\n\""
                );
            }
            text.push_str("body += f\"--{boundary}--\\r\\n\".encode()\n\n");
            "body"
        }
    };
    let _ = write!(
        text,
        "request = urllib.request.Request({}, method=\"{}\", data={data}, headers={{\n{}}})\n\
         with urllib.request.urlopen(request) as answer:\n    shutil.copyfileobj(answer, sys.stdout.buffer, 1024)\n",
        quoted(&ask.url),
        ask.method,
        headers.concat()
    );
    text
}

pub(super) fn php(ask: &Ask) -> String {
    let mut text = format!("<?php\n$curl = curl_init({});\n", single_php(&ask.url));
    let mut headers = Vec::new();
    if let Some(key) = ask.key {
        headers.push(format!("'Authorization: Bearer ' . getenv('{key}')"));
    }
    let mut options = vec![format!("    CURLOPT_CUSTOMREQUEST => '{}',\n", ask.method)];
    match &ask.body {
        Body::None => {}
        Body::Json(json) => {
            headers.push("'Content-Type: application/json'".to_owned());
            let _ = write!(text, "$body = <<<'JSON'\n{json}\nJSON;\n");
            options.push("    CURLOPT_POSTFIELDS => $body,\n".to_owned());
        }
        Body::Form(fields) => {
            let fields = fields.iter().map(|(name, value)| match name.as_str() {
                "file" => format!("        'file' => new CURLFile({}),\n", single_php(value)),
                _ => format!("        {} => {},\n", single_php(name), single_php(value)),
            });
            options.push(format!("    CURLOPT_POSTFIELDS => [\n{}    ],\n", fields.collect::<String>()));
        }
    }
    options.push(format!("    CURLOPT_HTTPHEADER => [{}],\n", headers.join(", ")));
    let _ = write!(text, "curl_setopt_array($curl, [\n{}]);\ncurl_exec($curl);\n", options.concat());
    text
}

fn single_php(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

pub(super) fn ruby(ask: &Ask) -> String {
    let mut text = format!("require \"net/http\"\n\nuri = URI({})\n", quoted(&ask.url));
    let name = format!(
        "{}{}",
        ask.method.get(..1).unwrap_or_default(),
        ask.method.get(1..).unwrap_or_default().to_lowercase()
    );
    let _ = writeln!(text, "request = Net::HTTP::{name}.new(uri)");
    if let Some(key) = ask.key {
        let _ = writeln!(text, "request[\"Authorization\"] = \"Bearer #{{ENV.fetch('{key}')}}\"");
    }
    match &ask.body {
        Body::None => {}
        Body::Json(json) => {
            let _ = writeln!(
                text,
                "request[\"Content-Type\"] = \"application/json\"\nrequest.body = <<~'JSON'\n{}\nJSON",
                indented(json, 2)
            );
        }
        Body::Form(fields) => {
            let fields = fields.iter().map(|(name, value)| match name.as_str() {
                "file" => format!("  [\"file\", File.open({})],\n", quoted(value)),
                _ => format!("  [{}, {}],\n", quoted(name), quoted(value)),
            });
            let _ = writeln!(text, "request.set_form([\n{}], \"multipart/form-data\")", fields.collect::<String>());
        }
    }
    text.push_str(
        "\nNet::HTTP.start(uri.host, uri.port, use_ssl: uri.scheme == \"https\") do |http|\n  \
         http.request(request) { |answer| answer.read_body { |piece| print piece } }\nend\n",
    );
    text
}

pub(super) fn r(ask: &Ask) -> String {
    let mut text =
        format!("library(httr2)\n\nanswer <- request({}) |>\n  req_method(\"{}\") |>\n", quoted(&ask.url), ask.method);
    if let Some(key) = ask.key {
        let _ = writeln!(text, "  req_auth_bearer_token(Sys.getenv(\"{key}\")) |>");
    }
    match &ask.body {
        Body::None => {}
        Body::Json(json) => {
            let _ = writeln!(text, "  req_body_raw(r\"---({json})---\", \"application/json\") |>");
        }
        Body::Form(fields) => {
            let fields = fields.iter().map(|(name, value)| match name.as_str() {
                "file" => format!("file = curl::form_file({})", quoted(value)),
                _ => format!("{name} = {}", quoted(value)),
            });
            let _ = writeln!(text, "  req_body_multipart({}) |>", fields.collect::<Vec<_>>().join(", "));
        }
    }
    text.push_str("  req_perform()\ncat(resp_body_string(answer))\n");
    text
}

pub(super) fn http(ask: &Ask) -> String {
    let (host, path) = ask.parts();
    let mut text = format!("{} {path} HTTP/1.1\nHost: {host}\n", ask.method);
    match ask.key {
        Some("TOLLGATE_ADMIN_KEY") => text.push_str("Authorization: Bearer tg-admin-…\n"),
        Some(_) => text.push_str("Authorization: Bearer sk-tg-…\n"),
        None => {}
    }
    match &ask.body {
        Body::None => {}
        Body::Json(json) => {
            let _ = write!(text, "Content-Type: application/json\nContent-Length: {}\n\n{json}\n", json.len());
        }
        Body::Form(fields) => {
            text.push_str("Content-Type: multipart/form-data; boundary=boundary\n\n");
            for (name, value) in fields {
                let (more, content) = match name.as_str() {
                    "file" => (format!("; filename=\"{value}\""), format!("(the bytes of {value})")),
                    _ => (String::new(), value.clone()),
                };
                let _ =
                    write!(text, "--boundary\nContent-Disposition: form-data; name=\"{name}\"{more}\n\n{content}\n");
            }
            text.push_str("--boundary--\n");
        }
    }
    text
}
