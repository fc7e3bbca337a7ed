//! The paths of files that are written for a process.

const DIR: &str = "{dir}/";

/// Fails unless the path leads to a file in the temporary directory of the process, with which it is
/// removed.
pub(crate) fn check(path: &str) -> Result<(), String> {
    let is_name = |name: &str| !matches!(name, "" | "." | "..") && !name.contains('\0');
    match path.strip_prefix(DIR) {
        Some(below) if below.split('/').all(is_name) => Ok(()),
        _ => Err(format!(
            "`{path}` is not the path of a file in `{{dir}}`, such as `{{dir}}/a.conf`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_in_the_directory_of_the_process() {
        for path in ["{dir}/a", "{dir}/conf.d/{port}.conf", "{dir}/..a"] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
        for path in
            ["", "a", "{dir}", "{dir}/", "/etc/a", "{dir}a", "{dir}/../a", "{dir}/a/", "{dir}//a"]
        {
            assert!(check(path).unwrap_err().contains("such as `{dir}/a.conf`"), "{path}");
        }
    }
}
