#!/bin/sh
# No Terraform, nor OpenTofu where it is called tofu: it replays what Terraform prints, for what the real one cannot be brought to in a test. FAKE says what happens; FAULT, and AT which
# of Terraform's commands, what goes wrong on the way. CALLS is a file that lists the commands.
if [ -n "$CALLS" ]; then echo "$1" >>"$CALLS"; fi
refuse() {
    case "$command" in
    plan | apply) echo '{"@timestamp":"2026-11-25T04:00:09.000000Z","type":"diagnostic","diagnostic":{"severity":"error","summary":"'"$1"'","detail":"'"$2"'"}}' ;;
    *) printf 'Error: %s\n\n%b\n' "$1" "$2" >&2 ;;
    esac
    exit 1
}
command=$1
if [ "$AT" = "$command" ]; then
    case "$FAULT" in
    locked) refuse 'Error acquiring the state lock' 'Lock Info:\n  ID:        1-2\n  Operation: OperationTypeApply\n  Who:       ana@build\n  Created:   2026-11-25 03:36:42 +0000 UTC\n' ;;
    unreachable) refuse 'Failed to request the state' 'dial tcp 192.0.2.1:443: i/o timeout' ;;
    expired) refuse 'configuring the provider' 'ExpiredToken: The security token included in the request is expired' ;;
    denied) refuse 'reading the resource' 'AccessDenied: User: ci is not authorized to perform: secretsmanager:CreateSecret' ;;
    garbage) echo 'no JSON of anybody' && exit 0 ;;
    killed) kill -9 $$ ;;
    esac
fi
case "$1" in
version)
    case "$0" in
    *tofu) echo "OpenTofu v${VERSION:-1.11.0}" ;;
    *) echo "Terraform v${VERSION:-1.11.4}" ;;
    esac
    ;;
init)
    mkdir -p .terraform
    : >.terraform.lock.hcl
    ;;
plan)
    for argument in "$@"; do
        case "$argument" in -out=*) echo plan >"${argument#-out=}" ;; esac
    done
    case "$FAKE" in
    silent) exec sleep 60 ;;
    protected) echo '{"type":"diagnostic","diagnostic":{"severity":"error","summary":"Instance cannot be destroyed","detail":"Resource aws_secretsmanager_secret.pay has lifecycle.prevent_destroy set, but the plan calls for this resource to be destroyed.","range":{"filename":"main.tf.json"},"snippet":{"context":"resource.aws_secretsmanager_secret","code":"      \"pay\": {"}}}' && exit 1 ;;
    esac
    ;;
show)
    if [ -n "$3" ]; then
        if [ "$FAKE" = namesakes ]; then
            echo '{"applyable":true,"resource_changes":[{"address":"aws_db_instance.main_internet","mode":"managed","type":"aws_db_instance","name":"main_internet","change":{"actions":["delete","create"],"before":{"storage_encrypted":false},"after":{"storage_encrypted":true},"replace_paths":[["storage_encrypted"]]}},{"address":"aws_internet_gateway.main_internet","mode":"managed","type":"aws_internet_gateway","name":"main_internet","change":{"actions":["update"],"before":{"tags":{}},"after":{"tags":{"a":"b"}}}}]}'
        elif [ -e state ]; then
            echo '{"applyable":false,"resource_changes":[]}'
        else
            echo '{"applyable":true,"resource_changes":[{"address":"aws_secretsmanager_secret.pay","mode":"managed","type":"aws_secretsmanager_secret","name":"pay","change":{"actions":["create"]}}]}'
        fi
    elif [ -e state ]; then
        echo '{"values":{"root_module":{"resources":[{"address":"aws_secretsmanager_secret.pay","mode":"managed","type":"aws_secretsmanager_secret","tainted":'$(cat state)',"values":{"id":"pay-1"}}]}}}'
    else
        echo '{}'
    fi
    ;;
output) echo '{}' ;;
state) ;;
apply)
    said() { echo '{"@timestamp":"2026-11-25T04:00:0'$1'.000000Z","type":"'$2'","hook":{"action":"create","resource":{"addr":"aws_secretsmanager_secret.pay","resource_type":"aws_secretsmanager_secret"}}}'; }
    failed() { echo '{"@timestamp":"2026-11-25T04:00:09.000000Z","type":"diagnostic","diagnostic":{"severity":"error","summary":"'"$1"'","detail":"","address":"aws_secretsmanager_secret.pay"}}'; }
    said 0 apply_start
    if [ "$FAKE" = stubborn ]; then
        trap '' INT
    else
        trap 'said 8 apply_errored; failed "execution halted"; echo true >state; exit 1' INT
    fi
    # For a minute at most, should the test that waits for it fail.
    looks=0
    while [ "$FAKE" = slow ] || [ "$FAKE" = stubborn ]; do
        if [ -e ../../go ] || [ "$looks" -gt 1200 ]; then break; fi
        looks=$((looks + 1))
        sleep 0.05
    done
    if [ "$FAKE" = unsaved ]; then
        : >errored.tfstate
        failed "Failed to save state"
        exit 1
    fi
    echo false >state
    if [ "$FAULT" = 'killed after' ]; then kill -9 $$; fi
    said 2 apply_complete
    ;;
esac
