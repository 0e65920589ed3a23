//! What holds for any bytes, and a server in this process. Tests of the crates include the files of `checks` and call
//! them with the seeds, so that `cargo test` repeats what fuzzing has found.

#[path = "checks/archive.rs"]
pub mod archive;
#[path = "checks/record.rs"]
pub mod record;
#[path = "checks/request.rs"]
pub mod request;
#[path = "checks/sound.rs"]
pub mod sound;

/// Returns the address of a server that runs until the process ends.
pub fn server() -> std::net::SocketAddr {
    use std::{
        net::{SocketAddr, TcpListener},
        sync::LazyLock,
        thread,
    };

    use actix_web::rt::System;
    use sc_model::Backend;
    use sc_server::{Model, ModelSource, Service, run};

    static SERVER: LazyLock<SocketAddr> = LazyLock::new(|| {
        let source = ModelSource { file: None, words: None, backend: Backend::Native };
        let model = Model::load(source).expect("the shipped model");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        thread::spawn(|| System::new().block_on(async { run(listener, Service::new(model))?.await }));
        address
    });
    *SERVER
}
