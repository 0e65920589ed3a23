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
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let mut files = Files::default();
    for name in FILES {
        let path = Path::new(ASSETS).join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        if path.is_file() {
            files.compress(&fs::read(path)?, &out, name)?;
            continue;
        }
        fs::create_dir_all(out.join(name))?;
        let mut paths: Vec<_> =
            fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        paths.sort(); // so that the same files have the same version
        for path in paths {
            if path.is_file() {
                let file = path.file_name().unwrap_or_default().to_string_lossy();
                files.compress(&fs::read(&path)?, &out, &format!("{name}/{file}"))?;
            }
        }
    }
    compress(files.list().as_bytes(), &out, "web/files.json")?;
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    for name in SWAGGER_UI {
        let end = format!("/dist/{name}");
        let path = archive.file_names().find(|path| path.ends_with(&end)).map(ToOwned::to_owned);
        let path = path.ok_or_else(|| io::Error::other(format!("Swagger UI has no {name}")))?;
        let mut content = Vec::new();
        archive.by_name(&path)?.read_to_end(&mut content)?;
        compress(&content, &out, &format!("docs/{name}"))?;
    }
    Ok(())
}

/// The files of the page, which a browser keeps for when there is no network.
#[derive(Default)]
struct Files {
    paths: Vec<String>,
    version: DefaultHasher,
}

impl Files {
    fn compress(&mut self, content: &[u8], out: &Path, name: &str) -> io::Result<()> {
        if !name.starts_with("docs/") {
            let path = name.trim_start_matches("web/");
            self.paths.push(if path == "index.html" { "./".into() } else { path.into() });
            (name, content).hash(&mut self.version);
        }
        compress(content, out, name)
    }

    /// Returns their list as JSON, with a version that differs if one of them does.
    fn list(mut self) -> String {
        self.paths.sort();
        format!("{{\"version\":\"{:016x}\",\"files\":{:?}}}", self.version.finish(), self.paths)
    }
}

/// Writes `content` to the folder `out` as `name`.gz.
fn compress(content: &[u8], out: &Path, name: &str) -> io::Result<()> {
    let mut encoder = GzEncoder::new(File::create(out.join(format!("{name}.gz")))?, Compression::best());
    encoder.write_all(content)?;
    encoder.finish()?;
    Ok(())
}
