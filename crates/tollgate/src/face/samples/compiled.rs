//! Languages that are compiled, or come with a package manager.

use super::{Ask, Body, indented, quoted};
use std::fmt::Write as _;

/// The text of a multipart form up to its file, the file's name, and the text after it. For languages without forms.
fn form(fields: &[(String, String)]) -> (String, String, String) {
    let mut before = String::new();
    let mut file = String::new();
    for (name, value) in fields {
        if name == "file" {
            value.clone_into(&mut file);
        } else {
            let _ = write!(before, "--boundary\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
    }
    let _ = write!(before, "--boundary\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{file}\"\r\n\r\n");
    (before, file, "\r\n--boundary--\r\n".to_owned())
}

const FORM: &str = "multipart/form-data; boundary=boundary";

pub(super) fn go(ask: &Ask) -> String {
    let raw = |json: &str| format!("`{}`", json.replace('`', "` + \"`\" + `"));
    let (imports, setup, body, kind) = match &ask.body {
        Body::None => ("", String::new(), "nil".to_owned(), None),
        Body::Json(json) => (
            "\t\"strings\"\n",
            format!("\tbody := {}\n", raw(json)),
            "strings.NewReader(body)".to_owned(),
            Some("\"application/json\""),
        ),
        Body::Form(fields) => {
            let mut setup = String::from("\tvar body bytes.Buffer\n\tform := multipart.NewWriter(&body)\n");
            for (name, value) in fields {
                let _ = match name.as_str() {
                    "file" => write!(
                        setup,
                        "\tfile, err := os.ReadFile({0})\n\tif err != nil {{\n\t\tpanic(err)\n\t}}\n\
                         \tpart, _ := form.CreateFormFile(\"file\", {0})\n\tpart.Write(file)\n",
                        quoted(value)
                    ),
                    _ => writeln!(setup, "\tform.WriteField({}, {})", quoted(name), quoted(value)),
                };
            }
            setup.push_str("\tform.Close()\n");
            ("\t\"bytes\"\n\t\"mime/multipart\"\n", setup, "&body".to_owned(), Some("form.FormDataContentType()"))
        }
    };
    let mut headers = String::new();
    if let Some(key) = ask.key {
        let _ = writeln!(headers, "\trequest.Header.Set(\"Authorization\", \"Bearer \"+os.Getenv(\"{key}\"))");
    }
    if let Some(kind) = kind {
        let _ = writeln!(headers, "\trequest.Header.Set(\"Content-Type\", {kind})");
    }
    format!(
        "package main\n\nimport (\n\t\"io\"\n\t\"net/http\"\n\t\"os\"\n{imports})\n\nfunc main() {{\n{setup}\
         \trequest, err := http.NewRequest(\"{}\", {}, {body})\n\tif err != nil {{\n\t\tpanic(err)\n\t}}\n{headers}\
         \tanswer, err := http.DefaultClient.Do(request)\n\tif err != nil {{\n\t\tpanic(err)\n\t}}\n\tdefer answer.Body.Close()\n\
         \tio.Copy(os.Stdout, answer.Body)\n}}\n",
        ask.method,
        quoted(&ask.url)
    )
}

pub(super) fn java(ask: &Ask) -> String {
    let (setup, publisher, kind) = match &ask.body {
        Body::None => (String::new(), "BodyPublishers.noBody()".to_owned(), None),
        Body::Json(json) => {
            let text = json.replace('\\', "\\\\").replace("\"\"\"", "\\\"\"\"");
            let setup = format!("        var body = \"\"\"\n{}\n            \"\"\";\n", indented(&text, 12));
            (setup, "BodyPublishers.ofString(body)".to_owned(), Some("application/json"))
        }
        Body::Form(fields) => {
            let (before, file, after) = form(fields);
            let publisher = format!(
                "BodyPublishers.concat(\n                BodyPublishers.ofString({}),\n                \
                 BodyPublishers.ofFile(java.nio.file.Path.of({})),\n                BodyPublishers.ofString({}))",
                quoted(&before),
                quoted(&file),
                quoted(&after)
            );
            (String::new(), publisher, Some(FORM))
        }
    };
    let mut headers = String::new();
    if let Some(key) = ask.key {
        let _ = write!(headers, "\n            .header(\"Authorization\", \"Bearer \" + System.getenv(\"{key}\"))");
    }
    if let Some(kind) = kind {
        let _ = write!(headers, "\n            .header(\"Content-Type\", \"{kind}\")");
    }
    format!(
        "import java.net.URI;\nimport java.net.http.HttpClient;\nimport java.net.http.HttpRequest;\n\
         import java.net.http.HttpRequest.BodyPublishers;\nimport java.net.http.HttpResponse.BodyHandlers;\n\n\
         public class Ask {{\n    public static void main(String[] arguments) throws Exception {{\n{setup}\
         \x20       var request = HttpRequest.newBuilder(URI.create({})){headers}\n            .method(\"{}\", {publisher})\n            .build();\n\
         \x20       var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();\n        \
         var answer = client.send(request, BodyHandlers.ofInputStream());\n        \
         answer.body().transferTo(System.out);\n        System.out.flush();\n    }}\n}}\n",
        quoted(&ask.url),
        ask.method
    )
}

pub(super) fn csharp(ask: &Ask) -> String {
    let content = match &ask.body {
        Body::None => String::new(),
        Body::Json(json) => format!(
            "request.Content = new StringContent(\"\"\"\n{}\n    \"\"\", Encoding.UTF8, \"application/json\");\n",
            indented(json, 4)
        ),
        Body::Form(fields) => {
            let mut text = String::from("var form = new MultipartFormDataContent();\n");
            for (name, value) in fields {
                let _ = match name.as_str() {
                    "file" => writeln!(
                        text,
                        "form.Add(new ByteArrayContent(File.ReadAllBytes({0})), \"file\", {0});",
                        quoted(value)
                    ),
                    _ => writeln!(text, "form.Add(new StringContent({}), {});", quoted(value), quoted(name)),
                };
            }
            text + "request.Content = form;\n"
        }
    };
    let key = ask.key.map_or_else(String::new, |key| {
        format!(
            "request.Headers.Add(\"Authorization\", \"Bearer \" + Environment.GetEnvironmentVariable(\"{key}\"));\n"
        )
    });
    format!(
        "using System.Text;\n\nusing var client = new HttpClient();\nvar request = new HttpRequestMessage(new HttpMethod(\"{}\"), {});\n{key}{content}\
         var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);\n\
         await answer.Content.CopyToAsync(Console.OpenStandardOutput());\n",
        ask.method,
        quoted(&ask.url)
    )
}

pub(super) fn swift(ask: &Ask) -> String {
    let mut text = format!(
        "import Foundation\n\nvar request = URLRequest(url: URL(string: {})!)\nrequest.httpMethod = \"{}\"\n",
        quoted(&ask.url),
        ask.method
    );
    if let Some(key) = ask.key {
        let _ = writeln!(
            text,
            "let key = ProcessInfo.processInfo.environment[\"{key}\"] ?? \"\"\n\
             request.setValue(\"Bearer \" + key, forHTTPHeaderField: \"Authorization\")"
        );
    }
    match &ask.body {
        Body::None => {}
        Body::Json(json) => {
            let _ = writeln!(
                text,
                "request.setValue(\"application/json\", forHTTPHeaderField: \"Content-Type\")\n\
                 request.httpBody = Data(#\"\"\"\n{json}\n\"\"\"#.utf8)"
            );
        }
        Body::Form(fields) => {
            let (before, file, after) = form(fields);
            let _ = writeln!(
                text,
                "request.setValue(\"{FORM}\", forHTTPHeaderField: \"Content-Type\")\nvar body = Data({}.utf8)\n\
                 body += try Data(contentsOf: URL(fileURLWithPath: {}))\nbody += Data({}.utf8)\nrequest.httpBody = body",
                quoted(&before),
                quoted(&file),
                quoted(&after)
            );
        }
    }
    text + "let (data, _) = try await URLSession.shared.data(for: request)\nprint(String(decoding: data, as: UTF8.self))\n"
}

/// A long literal over several lines, as C puts neighbours together.
fn lines(text: &str, mark: &str, pad: usize) -> String {
    let count = text.lines().count();
    let literal = |(at, line): (usize, &str)| {
        let end = if at + 1 < count { "\n" } else { "" };
        format!("{}{mark}{}", " ".repeat(pad), quoted(&format!("{line}{end}")))
    };
    text.lines().enumerate().map(literal).collect::<Vec<_>>().join("\n")
}

pub(super) fn c(ask: &Ask) -> String {
    let mut text = String::from(
        "#include <curl/curl.h>\n#include <stdio.h>\n#include <stdlib.h>\n\nint main(void) {\n    CURL *curl = curl_easy_init();\n    \
         struct curl_slist *headers = NULL;\n",
    );
    if let Some(key) = ask.key {
        let _ = writeln!(
            text,
            "    char proof[256];\n    snprintf(proof, sizeof proof, \"Authorization: Bearer %s\", getenv(\"{key}\"));\n    \
             headers = curl_slist_append(headers, proof);"
        );
    }
    let _ = writeln!(text, "    curl_easy_setopt(curl, CURLOPT_URL, {});", quoted(&ask.url));
    match &ask.body {
        Body::None => {
            let _ = writeln!(text, "    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, \"{}\");", ask.method);
        }
        Body::Json(json) => {
            let _ = writeln!(
                text,
                "    headers = curl_slist_append(headers, \"Content-Type: application/json\");\n    const char *body =\n{};\n    \
                 curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, \"{}\");\n    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);",
                lines(json, "", 8),
                ask.method
            );
        }
        Body::Form(fields) => {
            text.push_str("    curl_mime *form = curl_mime_init(curl);\n    curl_mimepart *part;\n");
            for (name, value) in fields {
                let what = if name == "file" {
                    format!("curl_mime_filedata(part, {})", quoted(value))
                } else {
                    format!("curl_mime_data(part, {}, CURL_ZERO_TERMINATED)", quoted(value))
                };
                let _ = writeln!(
                    text,
                    "    part = curl_mime_addpart(form);\n    curl_mime_name(part, {});\n    {what};",
                    quoted(name)
                );
            }
            text.push_str("    curl_easy_setopt(curl, CURLOPT_MIMEPOST, form);\n");
        }
    }
    text + "    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);\n    CURLcode code = curl_easy_perform(curl);\n    \
            curl_slist_free_all(headers);\n    curl_easy_cleanup(curl);\n    return code == CURLE_OK ? 0 : 1;\n}\n"
}

pub(super) fn objc(ask: &Ask) -> String {
    let mut text = format!(
        "#import <Foundation/Foundation.h>\n\nint main(void) {{\n  @autoreleasepool {{\n    NSURL *url = [NSURL URLWithString:@{}];\n    \
         NSMutableURLRequest *request = [NSMutableURLRequest requestWithURL:url];\n    request.HTTPMethod = @\"{}\";\n",
        quoted(&ask.url),
        ask.method
    );
    if let Some(key) = ask.key {
        let _ = writeln!(
            text,
            "    NSString *key = NSProcessInfo.processInfo.environment[@\"{key}\"];\n    \
             [request setValue:[@\"Bearer \" stringByAppendingString:key] forHTTPHeaderField:@\"Authorization\"];"
        );
    }
    match &ask.body {
        Body::None => {}
        Body::Json(json) => {
            let _ = writeln!(
                text,
                "    [request setValue:@\"application/json\" forHTTPHeaderField:@\"Content-Type\"];\n    NSString *body =\n{};\n    \
                 request.HTTPBody = [body dataUsingEncoding:NSUTF8StringEncoding];",
                lines(json, "@", 8)
            );
        }
        Body::Form(fields) => {
            let (before, file, after) = form(fields);
            let _ = writeln!(
                text,
                "    [request setValue:@\"{FORM}\" forHTTPHeaderField:@\"Content-Type\"];\n    NSMutableData *body = [NSMutableData data];\n    \
                 [body appendData:[@{} dataUsingEncoding:NSUTF8StringEncoding]];\n    \
                 [body appendData:[NSData dataWithContentsOfFile:@{}]];\n    \
                 [body appendData:[@{} dataUsingEncoding:NSUTF8StringEncoding]];\n    request.HTTPBody = body;",
                quoted(&before),
                quoted(&file),
                quoted(&after)
            );
        }
    }
    text + "    dispatch_semaphore_t done = dispatch_semaphore_create(0);\n    \
            [[NSURLSession.sharedSession dataTaskWithRequest:request\n        \
            completionHandler:^(NSData *data, NSURLResponse *answer, NSError *error) {\n          \
            fwrite(data.bytes, 1, data.length, stdout);\n          dispatch_semaphore_signal(done);\n        }] resume];\n    \
            dispatch_semaphore_wait(done, DISPATCH_TIME_FOREVER);\n  }\n  return 0;\n}\n"
}

pub(super) fn dart(ask: &Ask) -> String {
    let mut text = String::from("import 'dart:io';\nimport 'package:http/http.dart' as http;\n\nvoid main() async {\n");
    let kind = if matches!(ask.body, Body::Form(_)) { "MultipartRequest" } else { "Request" };
    let _ = writeln!(text, "  final request = http.{kind}('{}', Uri.parse({}));", ask.method, quoted(&ask.url));
    if let Some(key) = ask.key {
        let _ = writeln!(text, "  request.headers['Authorization'] = 'Bearer ${{Platform.environment['{key}']}}';");
    }
    match &ask.body {
        Body::None => {}
        Body::Json(json) => {
            // A raw string has no escapes of its own; JSON can write its quote another way.
            let json = json.replace('\'', "\\u0027");
            let _ = writeln!(
                text,
                "  request.headers['Content-Type'] = 'application/json';\n  request.body = r'''\n{json}''';"
            );
        }
        Body::Form(fields) => {
            for (name, value) in fields {
                let _ = match name.as_str() {
                    "file" => writeln!(
                        text,
                        "  request.files.add(await http.MultipartFile.fromPath('file', {}));",
                        quoted(value)
                    ),
                    _ => writeln!(text, "  request.fields['{name}'] = {};", quoted(value)),
                };
            }
        }
    }
    text + "  final answer = await request.send();\n  await stdout.addStream(answer.stream);\n}\n"
}

pub(super) fn ocaml(ask: &Ask) -> String {
    let (setup, body, kind) = match &ask.body {
        Body::None => (String::new(), "", None),
        Body::Json(json) => (
            format!("  let body = Cohttp_lwt.Body.of_string {{json|{json}|json}} in\n"),
            "~body ",
            Some("application/json"),
        ),
        Body::Form(fields) => {
            let (before, file, after) = form(fields);
            let setup = format!(
                "  let file = In_channel.with_open_bin {} In_channel.input_all in\n  \
                 let body = Cohttp_lwt.Body.of_string ({} ^ file ^ {}) in\n",
                quoted(&file),
                quoted(&before),
                quoted(&after)
            );
            (setup, "~body ", Some(FORM))
        }
    };
    let mut headers = Vec::new();
    if let Some(key) = ask.key {
        headers.push(format!("(\"Authorization\", \"Bearer \" ^ Sys.getenv \"{key}\")"));
    }
    if let Some(kind) = kind {
        headers.push(format!("(\"Content-Type\", \"{kind}\")"));
    }
    let method = match ask.method.as_str() {
        "GET" => "`GET",
        "DELETE" => "`DELETE",
        "PATCH" => "`PATCH",
        _ => "`POST",
    };
    format!(
        "open Lwt.Infix\n\nlet () =\n{setup}  let headers = Cohttp.Header.of_list [ {} ] in\n  let uri = Uri.of_string {} in\n  \
         Lwt_main.run\n    (Cohttp_lwt_unix.Client.call ~headers {body}{method} uri >>= fun (_, answer) ->\n     \
         Cohttp_lwt.Body.to_string answer >>= Lwt_io.print)\n",
        headers.join("; "),
        quoted(&ask.url)
    )
}
