{# In sorted rows of `n`, by halving, how many elements are smaller than each of the `count` values of the row: with
   `upper`, how many are not larger. A NaN is larger than any number, as in NumPy. `type` is f32 or i32. lo..hi are
   values. #}
{% import "macros.wat" as m with context %}
{% set t = type[0] %}
{# Whether the element is before the place of the value. #}
{% macro before() %}
{% if type == "i32" %}(i32.{{ "le" if upper else "lt" }}_s @i_x @i_value){% elif upper %}(i32.or (f32.le @f_x @f_value) @i_nan){% else %}(i32.or (f32.lt @f_x @f_value) (i32.and (f32.eq @f_x @f_x) @i_nan)){% endif %}
{% endmacro %}
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_row (i32.add @x (i32.mul (i32.div_u @i_u #{{ count }}) #{{ 4 * n }})))
(local.set ${{ t }}_value ({{ type }}.load (i32.add @values (i32.shl @i_u #2))))
{% if type == "f32" %}
(local.set $i_nan (f32.ne @f_value @f_value))
{% endif %}
(local.set $i_first #0)
(local.set $i_length #{{ n }})
(block $E_halve (loop $L_halve
(br_if $E_halve (i32.eqz @i_length))
(local.set $i_half (i32.shr_u @i_length #1))
(local.set ${{ t }}_x ({{ type }}.load (i32.add @i_row (i32.shl (i32.add @i_first @i_half) #2))))
{# Selected and not branched on: which half is left is a surprise each time. #}
(local.set $i_behind {{ before() }})
(local.set $i_length (select (i32.sub (i32.sub @i_length @i_half) #1) @i_half @i_behind))
(local.set $i_first (select (i32.add (i32.add @i_first @i_half) #1) @i_first @i_behind))
(br $L_halve)))
(i32.store (i32.add @c (i32.shl @i_u #2)) @i_first)
{% endcall %}
