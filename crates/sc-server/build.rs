//! Compresses what browsers are sent, so that the server has only to send it.

use std::{
    env,
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Cursor, Read, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

/// Where the files lie; in the output they have the same names, and `.gz` after them.
const ASSETS: &str = "assets";
/// Those that are sent: a file, or the files of a folder.
const FILES: [&str; 7] =
    ["docs", "report.json", "web", "web/device", "web/device/relaxed", "web/device/simd", "web/examples"];
/// What of Swagger UI is served, in its archive's folder `dist`.
const SWAGGER_UI: [&str; 2] = ["swagger-ui.css", "swagger-ui-bundle.js"];

fn main() -> io::Result<()> {
    let mut files =
        Files { out: PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")), ..Files::default() };
    for name in FILES {
        let path = Path::new(ASSETS).join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        if path.is_file() {
            files.keep(name, &fs::read(path)?)?;
            continue;
        }
        fs::create_dir_all(files.out.join(name))?;
        let mut paths: Vec<_> =
            fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        paths.sort(); // so that the same files have the same version
        for path in paths.iter().filter(|path| path.is_file()) {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            files.keep(&format!("{name}/{file}"), &fs::read(path)?)?;
        }
    }
    let list = files.list();
    files.compress("web/files.json", list.as_bytes())?;
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    for name in SWAGGER_UI {
        let end = format!("/dist/{name}");
        let path = archive.file_names().find(|path| path.ends_with(&end)).map(ToOwned::to_owned);
        let path = path.ok_or_else(|| io::Error::other(format!("Swagger UI has no {name}")))?;
        let mut content = Vec::new();
        archive.by_name(&path)?.read_to_end(&mut content)?;
        files.compress(&format!("docs/{name}"), &content)?;
    }
    fs::write(files.out.join("assets.rs"), format!("[{}]", files.table.join(",\n")))
}

/// The files that have been compressed.
#[derive(Default)]
struct Files {
    /// The folder that they are written to.
    out: PathBuf,
    /// Each as a value of the server's type `Asset`.
    table: Vec<String>,
    /// The paths of the page, which a browser keeps for when there is no network.
    paths: Vec<String>,
    version: DefaultHasher,
}

impl Files {
    /// Compresses a file, which the browser keeps if it is of the page.
    fn keep(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        if !name.starts_with("docs/") {
            let path = path(name);
            self.paths.push(if path == "/" { "./".into() } else { path[1..].into() });
            (name, content).hash(&mut self.version);
        }
        self.compress(name, content)
    }

    /// Writes `content` as `name`.gz.
    fn compress(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let file = File::create(self.out.join(format!("{name}.gz")))?;
        let mut encoder = GzEncoder::new(file, Compression::best());
        encoder.write_all(content)?;
        encoder.finish()?;
        let (path, media_type) = (path(name), media_type(name));
        self.table.push(format!(
            "Asset {{ path: {path:?}, media_type: {media_type:?}, gzip: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.gz\")) }}"
        ));
        Ok(())
    }

    /// Returns the list of what browsers keep as JSON, with a version that differs if one of them does.
    fn list(&mut self) -> String {
        self.paths.sort();
        format!("{{\"version\":\"{:016x}\",\"files\":{:?}}}", self.version.finish(), self.paths)
    }
}

/// Returns the path that a file is served at: the page is at `/`, and the index of a folder at the folder.
fn path(name: &str) -> String {
    let name = name.strip_prefix("web/").unwrap_or(name);
    format!("/{}", name.strip_suffix("index.html").unwrap_or(name))
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("mp3") => "audio/mpeg",
        Some("svg") => "image/svg+xml",
        Some("wasm") => "application/wasm",
        _ => panic!("{name}: no media type is known"),
    }
}
