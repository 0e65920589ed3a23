//! What fuzzing has found, again.

#[path = "../../../../fuzz/src/checks/request.rs"]
mod request;

use sc_test::fuzzed::replay;

use crate::helpers::TestServer;

#[test]
fn requests_that_fuzzing_found_are_answered_or_refused() {
    let server = TestServer::start();
    replay("request", |bytes| request::check_request(server.address, bytes));
    replay("inference", |bytes| request::check_inference(server.address, bytes));
    replay("websocket", |bytes| request::check_websocket(server.address, bytes));
}
