"""The package list: `plugins/` and `baselines/` are installed under import names of their own."""

from setuptools import find_packages, setup

FOLDERS = {"egoexobench_plugins": "plugins", "egoexobench_baselines": "baselines"}

setup(
    package_dir=FOLDERS,
    packages=[
        *find_packages(include=["egoexobench", "egoexobench.*"]),
        *FOLDERS,
        *(f"{name}.{sub}" for name, folder in FOLDERS.items() for sub in find_packages(folder)),
    ],
    package_data={"": ["*.md", "*.txt", "*.toml", "*.json", "py.typed"]},
)
