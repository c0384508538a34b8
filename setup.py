"""The package list: folders of the checkout that are installed under import names of their own."""

from setuptools import find_packages, setup

FOLDERS = {"egoexobench_plugins": "plugins", "egoexobench_baselines": "baselines"}
DATA_FOLDERS = {"egoexobench_leaderboards": "leaderboards"}

setup(
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
