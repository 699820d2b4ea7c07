{# In sorted rows of `n`, by halving, how many elements are smaller than each of the `count` values of the row: with
   `upper`, how many are not larger. A NaN is larger than any number, as in NumPy. `type` is f32 or i32. lo..hi are
   values. #}
{% import "macros.wat" as m with context %}
{% set t = type[0] %}
{# Whether a is before b. #}
{% macro before(a, b) %}
{% if type == "f32" %}(i32.or (f32.lt {{ a }} {{ b }}) (i32.and (f32.eq {{ a }} {{ a }}) (f32.ne {{ b }} {{ b }}))){% else %}(i32.lt_s {{ a }} {{ b }}){% endif %}
{% endmacro %}
{% set element, value = "@%s_x" % t, "@%s_value" % t %}
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_row (i32.add @x (i32.mul (i32.div_u @i_u #{{ count }}) #{{ 4 * n }})))
(local.set ${{ t }}_value ({{ type }}.load (i32.add @values (i32.shl @i_u #2))))
(local.set $i_first #0)
(local.set $i_last #{{ n }})
(block $E_halve (loop $L_halve
(br_if $E_halve (i32.ge_u @i_first @i_last))
(local.set $i_middle (i32.shr_u (i32.add @i_first @i_last) #1))
(local.set ${{ t }}_x ({{ type }}.load (i32.add @i_row (i32.shl @i_middle #2))))
(if {{ "(i32.eqz %s)" % before(value, element) if upper else before(element, value) }}
(then (local.set $i_first (i32.add @i_middle #1)))
(else (local.set $i_last @i_middle)))
(br $L_halve)))
(i32.store (i32.add @c (i32.shl @i_u #2)) @i_first)
{% endcall %}
