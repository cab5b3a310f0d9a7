import platform

from pipelines.provenance import (
    processor_model,
    read_environment,
    training_environment,
    write_environment,
)


def test_what_a_candidate_was_trained_with_is_read_as_it_was_written(tmp_path):
    write_environment(tmp_path)

    assert read_environment(tmp_path) == training_environment()


def test_a_candidate_without_it_has_the_environment_of_this_process(tmp_path):
    assert read_environment(tmp_path)["python"] == platform.python_version()


def test_a_processor_is_named_by_the_system_where_it_tells(tmp_path):
    told = tmp_path / "cpuinfo"
    told.write_text("processor\t: 0\nmodel name\t: Analytical Engine\nmodel name\t: another\n")

    assert processor_model(told) == "Analytical Engine"
    assert processor_model(tmp_path / "missing") == (platform.processor() or "unknown")
