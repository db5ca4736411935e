import { staff, type StaffMember } from '../api/staff';
import { ApiError } from '../api/http';
import { ledger } from '../api/ledger';
import { useLoad } from './hooks';

/** Who is signed in; `null` while nobody is. */
export function useStaff(roles: StaffMember['role'][]) {
  const me = useLoad<StaffMember | null>('me', async () => {
    try {
      return await staff.me();
    } catch (error) {
      if (error instanceof ApiError && error.problem === 'signed-out') return null;
      throw error;
    }
  });
  const names = useLoad('organisations', () => ledger.organisations());
  const nameOf = (id: string) => names.value?.find((one) => one.id === id)?.name ?? id;
  const wrongRole = !!me.value && !roles.includes(me.value.role);
  const signOut = () => void staff.signout().then(me.again, me.again);
  return { ...me, value: me.value && { ...me.value, organisation: nameOf(me.value.organisation) }, nameOf, wrongRole, signOut };
}
