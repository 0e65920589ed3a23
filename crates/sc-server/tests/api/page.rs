//! `GET /` and the files it needs.

use crate::helpers::TestServer;

const FILES: [(&str, &str); 7] = [
    ("/", "text/html; charset=utf-8"),
    ("/style.css", "text/css; charset=utf-8"),
    ("/app.js", "text/javascript; charset=utf-8"),
    ("/recorder.js", "text/javascript; charset=utf-8"),
    ("/capture.js", "text/javascript; charset=utf-8"),
    ("/words.js", "text/javascript; charset=utf-8"),
    ("/icon.svg", "image/svg+xml"),
];

#[test]
fn every_file_of_the_page_is_served_under_its_type_and_the_policy() {
    let server = TestServer::start();

    for (path, media_type) in FILES {
        let response = server.get(path);

        assert_eq!(response.status(), 200, "{path}");
        let headers = response.headers();
        assert_eq!(headers["Content-Type"], media_type, "{path}");
        assert_eq!(headers["X-Content-Type-Options"], "nosniff", "{path}");
        let policy = headers["Content-Security-Policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
    }
}

#[test]
fn a_file_the_browser_has_is_not_sent_again() {
    let server = TestServer::start();

    for (path, _) in FILES {
        let etag = server.get(path).headers()["ETag"].clone();
        let etag = etag.to_str().unwrap();

        let response = server.get_unless(path, etag);
        assert_eq!(response.status(), 304, "{path}");
        assert_eq!(response.text().unwrap(), "", "{path}");
        assert_eq!(server.get_unless(path, "\"another\"").status(), 200, "{path}");
    }
}
