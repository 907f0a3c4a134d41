%(complete_func)s() {
    local response value
    response=$(env AWSAUTH_COMPLETION_LINE="${COMP_LINE:0:COMP_POINT}" AWSAUTH_COMPLETION_PART="$2" \
        %(complete_var)s=bash_complete "$1")
    COMPREPLY=()
    while IFS= read -r value; do
        case $value in
            dir,*) compopt -o dirnames ;;
            file,*) compopt -o default ;;
            plain,*) COMPREPLY+=("${value#plain,}") ;;
        esac
    done <<< "$response"
}

complete -o nosort -F %(complete_func)s %(prog_name)s
