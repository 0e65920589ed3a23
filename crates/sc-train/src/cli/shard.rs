//! A part of many files, for one machine of several.

use std::path::Path;
use std::str::FromStr;

use sc_data::Sha256Digest;

/// Part `index` of `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    /// Returns true if `path`, found at or below `root`, belongs to this part.
    ///
    /// The path below `root` alone decides, not the folder that holds the files nor the other files.
    pub(crate) fn holds(self, root: &Path, path: &Path) -> bool {
        let below = path.strip_prefix(root).ok().filter(|below| !below.as_os_str().is_empty());
        let name = below.or(path.file_name().map(Path::new)).unwrap_or(path);
        let digest = Sha256Digest::of(name.as_os_str().as_encoded_bytes()).to_string();
        let number = u64::from_str_radix(&digest[..16], 16).expect("a digest is hexadecimal");
        number % self.count == self.index
    }
}

impl FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shard = text.split_once('/').and_then(|(index, count)| {
            let (index, count): (u64, u64) = (index.parse().ok()?, count.parse().ok()?);
            (index < count).then_some(Self { index, count })
        });
        shard.ok_or("expected I/N, such as 0/3, with I from 0 to N - 1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_in_one_part_wherever_its_folder_lies() {
        let parts: Vec<Shard> = ["0/3", "1/3", "2/3"].map(|text| text.parse().unwrap()).into();
        let mut sizes = [0; 3];
        for i in 0..300 {
            let home = |root: &str| {
                let path = Path::new(root).join(format!("yes/{i}.wav"));
                let holding = |(_, part): &(_, &Shard)| part.holds(Path::new(root), &path);
                let homes: Vec<_> = parts.iter().enumerate().filter(holding).map(|(home, _)| home).collect();
                assert_eq!(homes.len(), 1, "{} is in {homes:?}", path.display());
                homes[0]
            };
            assert_eq!(home("/data"), home("clips/"), "{i}");
            sizes[home("/data")] += 1;
        }
        assert!(sizes.iter().all(|size| (80..120).contains(size)), "{sizes:?}");
    }

    /// A release that assigned files differently would lose some of a job that is under way.
    #[test]
    fn the_assignment_does_not_change() {
        let shard: Shard = "1/3".parse().unwrap();
        let held: Vec<_> =
            (0..10).filter(|i| shard.holds(Path::new(""), Path::new(&i.to_string()))).collect();
        assert_eq!(held, [1, 2, 3, 4]);
    }

    #[test]
    fn a_part_there_is_not_is_refused() {
        for wrong in ["3/3", "0/0", "-1/3", "1", "1/", "a/3", ""] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
