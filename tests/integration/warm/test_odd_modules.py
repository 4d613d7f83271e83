"""A warm module gives the result that it gives the ordinary way, whatever it does, and nothing of it is seen by the next."""

from __future__ import annotations

HOWS = [
    "changes",
    "prints",
    "warns",
    "fails",
    "raises",
    "exits oddly",
    "says nothing",
    "is killed",
    "changes folder",
    "leaks a thread",
    "behaves",
]
VARYING = ("start", "end", "delta", "_ansible_delegated_vars")


def comparable(results):
    """Results without times, and without the paths and line numbers of a traceback, which name the packed module ordinarily."""

    def clean(value):
        if isinstance(value, dict):
            return {
                key: clean(item)
                for key, item in value.items()
                if key not in (*VARYING, "exception", "module_stderr", "module_stdout")
            }
        if isinstance(value, list):
            return [clean(item) for item in value]
        return value

    return [clean(result) for result in results]


def test_odd_behaviour_gives_the_same_results(both):
    tasks = [
        {
            "name": how,
            "tests.odd.behave": {"how": how, "secret": "hunter2-secret"},
            "ignore_errors": True,
            "environment": {"CHOSEN": how},
        }
        for how in HOWS
    ]
    answers = both(tasks)
    assert [item["task"] for item in answers.warm if item["host"] == "a"] == HOWS
    assert comparable(answers.warm) == comparable(answers.ordinary)
    by_name = {item["task"]: item["result"] for item in answers.warm if item["host"] == "a"}
    assert by_name["raises"]["failed"]
    assert by_name["is killed"]["failed"]
    assert by_name["fails"]["msg"].startswith("no, and ****")
    found = by_name["behaves"]["found"]
    assert found["leftovers"] == []
    assert found["left"] is None
    assert not found["patched"]
    assert found["chosen"] == "behaves"
    assert "hunter2-secret" not in answers.output


def test_loops_until_check_mode_delegation_and_defaults(both):
    tasks = [
        {"name": "loop", "tests.odd.behave": {"how": "{{ item }}"}, "loop": ["changes", "behaves", "warns"]},
        {
            "name": "until",
            "tests.odd.behave": {"how": "behaves"},
            "register": "tried",
            "until": "tried.attempts | default(0) >= 2",
            "retries": 3,
            "delay": 0,
        },
        {"name": "check", "tests.odd.behave": {"how": "changes"}, "check_mode": True, "diff": True},
        {"name": "delegated", "tests.odd.behave": {"how": "behaves"}, "delegate_to": "b"},
        {
            "name": "templated",
            "tests.odd.behave": {"how": "{{ wanted }}", "count": "{{ 3 }}"},
            "vars": {"wanted": "changes"},
        },
        {"name": "defaults", "tests.odd.behave": {"how": "behaves"}},
        {"name": "refused", "tests.odd.behave": {"how": "behaves", "nonsense": 1}, "ignore_errors": True},
    ]
    answers = both(tasks, module_defaults={"tests.odd.behave": {"count": 5}}, environment={"CHOSEN": "play"})
    assert comparable(answers.warm) == comparable(answers.ordinary)
    by_name = {item["task"]: item["result"] for item in answers.warm if item["host"] == "a"}
    assert by_name["check"]["found"]["check"]
    assert by_name["defaults"]["invocation"]["module_args"]["count"] == 5
    assert [item["found"]["leftovers"] for item in by_name["loop"]["results"]] == [[], [], []]


def test_what_is_not_waited_for_says_later_what_came_of_it(both):
    hows = ["changes", "prints", "fails", "says nothing", "is killed", "behaves"]
    tasks = [
        {
            "name": "begin",
            "tests.odd.behave": {"how": "{{ item }}", "secret": "hunter2-secret"},
            "environment": {"CHOSEN": "{{ item }}"},
            "loop": hows,
            "async": 60,
            "poll": 0,
            "register": "begun",
        },
        {
            "name": "end",
            "ansible.builtin.async_status": {"jid": "{{ item.ansible_job_id }}"},
            "loop": "{{ begun.results }}",
            "register": "ended",
            "until": "ended.finished",
            "retries": 100,
            "delay": 1,
            "ignore_errors": True,
        },
        {"name": "wait", "tests.odd.behave": {"how": "changes"}, "async": 60, "poll": 1},
        {
            "name": "begin what takes too long",
            "tests.odd.behave": {"how": "takes long"},
            "async": 1,
            "poll": 0,
            "register": "long",
        },
        {
            "name": "end what takes too long",
            "ansible.builtin.async_status": {"jid": "{{ long.ansible_job_id }}"},
            "register": "ended",
            "until": "ended.finished",
            "retries": 100,
            "delay": 1,
            "ignore_errors": True,
        },
    ]
    answers = both(tasks)
    kept = ("failed", "changed", "started", "finished", "found", "diff", "warnings", "deprecations", "reason", "said")

    def said(items):
        results = [result for item in items for result in item["result"].get("results", [item["result"]])]
        return [{key: result[key] for key in kept if key in result} for result in results]

    assert said(answers.warm) == said(answers.ordinary)
    by_name = {item["task"]: item["result"] for item in answers.warm if item["host"] == "a"}
    # Where errors are ignored, ansible-core 2.21 says it by the exception alone.
    assert [bool(result.get("failed") or "exception" in result) for result in by_name["end"]["results"]] == [
        how in ("fails", "says nothing", "is killed") for how in hows
    ]
    assert by_name["end"]["results"][-1]["found"]["chosen"] == "behaves"
    assert by_name["end what takes too long"]["msg"] == "Timeout exceeded"
    assert "hunter2-secret" not in answers.output


def test_what_cannot_run_warm_runs_the_ordinary_way(both):
    tasks = [
        {"name": "starting", "tests.odd.behave": {"how": "behaves"}, "environment": {"PYTHONWARNINGS": "ignore"}},
        {"name": "other", "ansible.builtin.command": {"argv": ["echo", "hello"]}},
    ]
    answers = both(tasks)
    kept = ("failed", "changed", "found", "stdout")
    for ordinary, warm in zip(answers.ordinary, answers.warm, strict=True):
        assert {key: warm["result"].get(key) for key in kept} == {key: ordinary["result"].get(key) for key in kept}
        assert not warm["result"].get("failed")


def test_modules_of_ansible_itself_run_warm_where_that_is_asked_for(both):
    script = "cat; echo to stderr >&2; echo $CHOSEN in $PWD; exit 3"
    tasks = [
        {"name": "who", "ansible.builtin.shell": "xargs -0 echo < /proc/$PPID/cmdline"},
        {
            "name": "command",
            "ansible.builtin.command": {
                "argv": ["sh", "-c", script],
                "stdin": "{{ inventory_hostname }}",
                "chdir": "/",
            },
            "environment": {"CHOSEN": "this"},
            "ignore_errors": True,
        },
        {"name": "not there", "ansible.builtin.command": {"argv": ["/nowhere"]}, "ignore_errors": True},
        {"name": "preview", "ansible.builtin.command": {"argv": ["touch", "/nowhere/x"]}, "check_mode": True},
        {"name": "no need", "ansible.builtin.command": {"argv": ["false"], "creates": "/"}},
        {"name": "stat", "ansible.builtin.stat": {"path": "/etc/passwd"}},
        {"name": "wait", "ansible.builtin.command": {"argv": ["echo", "later"]}, "async": 60, "poll": 1},
    ]
    answers = both(tasks, environments={"warm": {"ANSIBLE_WARM_COLLECTIONS": "ansible.builtin"}})
    for results, parent in ((answers.warm, "warm_helper.py"), (answers.ordinary, "AnsiballZ_command.py")):
        for item in results:
            if item["task"] == "who":
                assert parent in item["result"].pop("stdout", ""), item
            for drawn in ("stdout_lines", "ansible_job_id", "results_file"):
                item["result"].pop(drawn, None)
    assert comparable(answers.warm) == comparable(answers.ordinary)
    by_name = {item["task"]: item["result"] for item in answers.warm if item["host"] == "b"}
    assert by_name["command"]["stdout"].startswith("b\nthis in /")
    assert by_name["command"]["rc"] == 3
    assert by_name["wait"]["stdout"] == "later"
