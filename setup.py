"""The package list, and a source archive whose bytes follow from its files.

Folders of the checkout are installed under import names of their own.
"""

import gzip
import os
import re
import tarfile
import time
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.sdist import sdist

DATA_FOLDERS = {"egoexobench_leaderboards": "leaderboards"}
FOLDERS = {"egoexobench_plugins": "plugins", "egoexobench_baselines": "baselines"}
REPOSITORY = os.environ.get("EGOEXOBENCH_REPOSITORY", "")


class ReproducibleArchive(sdist):
    """A source archive with the time of SOURCE_DATE_EPOCH and without the user's name.

    setuptools does the same for wheels, but not for source archives.
    """

    def make_archive(self, base_name, format, root_dir=None, base_dir=None, **_):  # noqa: A002
        """Write the archive and return its path."""
        del format, root_dir
        seconds = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))

        def normalize(entry):
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = seconds, 0, 0, "", ""
            entry.mode = 0o755 if entry.mode & 0o100 else 0o644
            return entry

        path = f"{base_name}.tar.gz"
        with (
            open(path, "wb") as file,
            gzip.GzipFile("", "wb", fileobj=file, mtime=seconds) as stream,
            tarfile.open(fileobj=stream, mode="w") as archive,
        ):
            archive.add(base_dir, filter=normalize)
        return path


def read_readme():
    """Return the README; its links lead to the repository, because an index has no folders."""
    text = Path("README.md").read_text(encoding="utf-8")
    return re.sub(r"\]\((?![a-z]+:|#)", f"]({REPOSITORY}/blob/HEAD/", text) if REPOSITORY else text


setup(
    long_description=read_readme(),
    long_description_content_type="text/markdown",
    project_urls={"Repository": REPOSITORY} if REPOSITORY else {},
    cmdclass={"sdist": ReproducibleArchive},
    package_dir=FOLDERS | DATA_FOLDERS,
    packages=[
        *find_packages(include=["egoexobench", "egoexobench.*"]),
        *FOLDERS,
        *(f"{name}.{sub}" for name, folder in FOLDERS.items() for sub in find_packages(folder)),
        *DATA_FOLDERS,
    ],
    # data beside the code: tables, prompts, templates
    package_data={"": ["**/*"]},
    exclude_package_data={"": ["__pycache__/*", "**/__pycache__/*"]},
)
