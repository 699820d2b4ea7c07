{# The index of the largest (`better` gt, else lt: smallest) of the middle of [outer][n][inner]; the first of equals wins.
   `type` is f32 or i32. A NaN is better than any number, as in NumPy. lo..hi are results. #}
{% import "macros.wat" as m with context %}
{% set t = type[0] %}
{% set worse = {"gt": "le", "lt": "ge"}[better] %}
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_p (i32.add @x (i32.shl (i32.add (i32.mul (i32.div_u @i_u #{{ inner }}) #{{ n * inner }}) (i32.rem_u @i_u #{{ inner }})) #2)))
(local.set ${{ t }}_best ({{ type }}.load @i_p))
(local.set $i_found #0)
{% if n > 1 %}
{% call m.for("k", "#1", "#%d" % n) %}
{{ m.bump("i_p", 4 * inner) }}
(local.set ${{ t }}_value ({{ type }}.load @i_p))
{% if type == "f32" %}
(if (i32.and (f32.eq @f_best @f_best) (i32.eqz (f32.{{ worse }} @f_value @f_best))) (then
{% else %}
(if (i32.{{ better }}_s @i_value @i_best) (then
{% endif %}
(local.set ${{ t }}_best @{{ t }}_value)
(local.set $i_found @i_k)))
{% endcall %}
{% endif %}
(i32.store (i32.add @c (i32.shl @i_u #2)) @i_found)
{% endcall %}
