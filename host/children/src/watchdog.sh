trap '' HUP INT QUIT TERM
groups=' ' begun=
while read -r what group; do
  case $what in
    '?') begun=$group ;;
    '!') begun= ;;
    '+') begun= groups="$groups$group " ;;
    '-') case $groups in *" $group "*) groups="${groups%% "$group" *} ${groups#* "$group" }" ;; esac ;;
  esac
done
groups="$groups${begun:+$begun }"
[ "$groups" != ' ' ] || exit 0
marked=$groups born=' '
stat_of() {
  line=
  while read -r part || [ -n "$part" ]; do line="${line:+$line }$part"; done < "/proc/$1/stat"
  [ -n "$line" ]
}
mark() {
  grew=1
  while [ -n "$grew" ]; do
    grew=
    for process in /proc/[0-9]*; do
      pid=${process#/proc/}
      stat_of "$pid" || continue
      set -- ${line##*) }
      case $born in *" $pid="*) continue ;; esac
      case $marked in
        *" $2 "* | *" $3 "*) marked="$marked$pid " born="$born$pid=${20} " grew=1 ;;
      esac
    done
  done
}
end() {
  for group in $groups; do kill -s "$1" -- "-$group" && left=1; done
  for known in $born; do
    stat_of "${known%%=*}" || continue
    signal=$1
    set -- ${line##*) }
    case $1 in Z) ;; *) [ "${20}" = "${known#*=}" ] && kill -s "$signal" "${known%%=*}" && left=1 ;; esac
    set -- "$signal"
  done
}
for signal in 0 TERM KILL; do
  mark
  left=
  end $signal
  [ -n "$left" ] || exit 0
  [ $signal = KILL ] || sleep 1
done
