{# The place of the largest (`better` gt, else lt: smallest) in the middle of [outer][n][inner], of elements of `bits` bits;
   the first of equals. lo..hi are results. #}
{% import "macros.wat" as m with context %}
{% set item = bits // 8 %}
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_p (i32.add (i32.mul (i32.div_u @i_u #{{ inner }}) #{{ n * inner }}) (i32.rem_u @i_u #{{ inner }})))
(local.set $i_p (i32.add @x (i32.mul @i_p #{{ item }})))
(local.set $i_best (i32.load{{ bits }}_{{ sign }} @i_p))
(local.set $i_found #0)
{% call m.for("k", "#1", "#%d" % n) %}
{{ m.bump("i_p", item * inner) }}
(local.set $i_value (i32.load{{ bits }}_{{ sign }} @i_p))
(local.set $i_wins (i32.{{ better }}_s @i_value @i_best))
(local.set $i_best (select @i_value @i_best @i_wins))
(local.set $i_found (select @i_k @i_found @i_wins))
{% endcall %}
(i32.store (i32.add @c (i32.shl @i_u #2)) @i_found)
{% endcall %}
