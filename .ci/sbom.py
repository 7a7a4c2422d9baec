"""Writes what the image's binary is built from as a CycloneDX document: `sbom.py FILE`. Checks it against the official schema."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

PRODUCT = "orchestrator"
VERSION = SchemaVersion.V1_6
# As the Dockerfile builds it.
FEATURES = ("--features", "jemalloc")


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments, "--locked"], check=True, capture_output=True, text=True).stdout


def built():
    """Name and version of each package in the binary. `cargo metadata` would add what only tests switch on."""
    lines = cargo("tree", *FEATURES, "--package", PRODUCT, "--edges", "normal", "--prefix", "none", "--format", "{p}").splitlines()
    return {tuple(line.split(" ")[:2]) for line in lines if line}


def checksums():
    packages = tomllib.loads(Path("Cargo.lock").read_text("utf-8"))["package"]
    return {(it["name"], f"v{it['version']}"): it["checksum"] for it in packages if "checksum" in it}


def component(package, checksum):
    # Some older packages separate alternatives with a slash, which is no SPDX expression.
    licence = (package["license"] or "").replace(" / ", "/").replace("/", " OR ")
    repository = package["repository"]
    return Component(
        type=ComponentType.APPLICATION if package["name"] == PRODUCT else ComponentType.LIBRARY,
        name=package["name"],
        version=package["version"],
        description=package["description"],
        bom_ref=f"{package['name']}@{package['version']}",
        purl=PackageURL("cargo", name=package["name"], version=package["version"]) if checksum else None,
        licenses=[LicenseFactory().make_from_string(licence)] if licence else [],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=checksum)] if checksum else [],
        external_references=[ExternalReference(type=ExternalReferenceType.VCS, url=XsUri(repository))] if repository else [],
    )


def document():
    metadata = json.loads(cargo("metadata", *FEATURES, "--format-version", "1"))
    inside, sums = built(), checksums()
    components = {}
    for package in metadata["packages"]:
        key = (package["name"], f"v{package['version']}")
        if key in inside:
            components[package["id"]] = component(package, sums.get(key))
    bom = Bom()
    for name, part in components.items():
        if part.name == PRODUCT:
            bom.metadata.component = part
        else:
            bom.components.add(part)
    for node in metadata["resolve"]["nodes"]:
        if node["id"] in components:
            needed = [it["pkg"] for it in node["deps"] if any(kind["kind"] is None for kind in it["dep_kinds"])]
            bom.register_dependency(components[node["id"]], [components[it] for it in needed if it in components])
    return bom, len(inside)


def faults(bom, text, expected):
    invalid = JsonStrictValidator(VERSION).validate_str(text)
    if invalid:
        yield f"not as the schema of CycloneDX says: {invalid}"
    found = len(bom.components) + (bom.metadata.component is not None)
    if found != expected:
        yield f"{found} packages instead of {expected}"
    for part in bom.components:
        if not part.licenses:
            yield f"{part.name} {part.version} names no licence"
        if not part.hashes and not part.name.startswith(f"{PRODUCT}-"):
            yield f"{part.name} {part.version} has no checksum"


def main(path):
    bom, expected = document()
    text = make_outputter(bom, OutputFormat.JSON, VERSION).output_as_string(indent=1)
    found = [*faults(bom, text, expected)]
    print(*found or [f"{path}: {len(bom.components)} packages"], sep="\n")
    Path(path).write_text(text, "utf-8")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
