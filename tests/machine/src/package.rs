//! The package under test, made of the program that the tests were built with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use ems_test_harness::{program, repository, run, target_dir};
use tempfile::TempDir;

/// A package of one of our programs.
#[derive(Debug)]
pub struct Package {
    name: &'static str,
    path: PathBuf,
}

impl Package {
    /// That of ems-edge; made once for each run of the tests.
    pub fn built() -> &'static Self {
        static PACKAGE: OnceLock<Package> = OnceLock::new();
        PACKAGE.get_or_init(|| Self::build("ems-edge"))
    }

    /// That of ems-cloud; made once for each run of the tests.
    pub fn of_the_cloud() -> &'static Self {
        static PACKAGE: OnceLock<Package> = OnceLock::new();
        PACKAGE.get_or_init(|| Self::build("ems-cloud"))
    }

    fn build(name: &'static str) -> Self {
        let mut make = Command::new(repository().join("scripts/deb"));
        make.args(["--package", name, "--binary"])
            .arg(program(name))
            .arg(architecture())
            .arg(target_dir().join("package"));
        let said = run(make).expect_success("scripts/deb");
        let path = said.lines().last().expect("scripts/deb names the package");
        Self { name, path: PathBuf::from(path) }
    }

    /// The same with another version, in `folder`.
    #[must_use]
    pub fn with_version(&self, version: &str, folder: &TempDir) -> Self {
        let tree = folder.path().join("tree");
        let mut unpack = Command::new("dpkg-deb");
        unpack.arg("--raw-extract").arg(&self.path).arg(&tree);
        run(unpack).expect_success("dpkg-deb --raw-extract");
        let control = tree.join("DEBIAN/control");
        let text = fs::read_to_string(&control).expect("a control file");
        let lines = text.lines().map(|line| match line.strip_prefix("Version: ") {
            Some(_) => format!("Version: {version}\n"),
            None => format!("{line}\n"),
        });
        fs::write(&control, lines.collect::<String>()).expect("a control file");
        let path = folder.path().join(format!("{}_{version}.deb", self.name));
        let mut pack = Command::new("dpkg-deb");
        pack.args(["-Zgzip", "-z1", "--root-owner-group", "--build"]).arg(&tree).arg(&path);
        run(pack).expect_success("dpkg-deb --build");
        Self { name: self.name, path }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Debian's name of this machine's architecture.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => panic!("no package is made for {other}"),
    }
}
